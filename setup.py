"""What pyproject.toml cannot say: `dataset_scripts/` and `spaces/` are shipped inside the package."""

from setuptools import find_packages, setup

SCRIPTS, SPACES = "panda_hf.dataset_scripts", "panda_hf.spaces"

setup(
    packages=[*find_packages(include=["panda_hf*"]), SCRIPTS, SPACES],
    package_dir={SCRIPTS: "dataset_scripts", SPACES: "spaces"},
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
        SPACES: ["*/*.py", "*/*.md", "*/*.txt", "*/*.html", "*/*.js", "*/*.css", "*/examples/*"],
    },
)
