"""What pyproject.toml cannot say: `dataset_scripts/` is shipped inside the package, for `panda-hf build`."""

from setuptools import find_packages, setup

SCRIPTS = "panda_hf.dataset_scripts"

setup(
    packages=[*find_packages(include=["panda_hf*"]), SCRIPTS],
    package_dir={SCRIPTS: "dataset_scripts"},
    package_data={
        "panda_hf": [
            "py.typed",
            "**/*.html.j2",
            "**/*.md.j2",
            "**/*.css",
            "metrics/**/*",
            "mini/checkpoints/**/*",
            "selection/sanity_mini.npz",
        ],
        SCRIPTS: ["**/*.py", "**/*.j2"],
    },
)
