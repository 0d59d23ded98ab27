// The page: shows what the server says as text, turns keys and clicks into answers. Nothing is ever parsed as HTML.
const root = element.querySelector(".pa");
const one = (selector) => root.querySelector(selector);
const KEPT = "panda-annotator";
let view = null;      // what is shown
let marked = new Set();  // places that are chosen
let at = 0;           // place that the arrows are on
let busy = false;     // an answer is on its way: no key may hit the next clip
let since = 0;

const make = (tag, text, name) => {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (name) made.className = name;
  return made;
};
const say = (text, bad) => {
  one(".pa-say").textContent = text || "";
  one(".pa-say").classList.toggle("pa-wrong", Boolean(bad));
};
const address = (file) => {
  const config = window.gradio_config || {};
  const start = (config.root || window.location.origin).replace(/\/$/, "");
  return start + (config.api_prefix || "/gradio_api") + "/file=" + file.split("/").map(encodeURIComponent).join("/");
};

const AWAY = "The server cannot be reached. Answer this clip again when it is back.";
const refuse = (text) => {
  say(text, true);
  one(".pa-refused").textContent = view ? "" : text;
};

async function ask(name, asked) {
  if (busy) return null;
  busy = true;
  root.classList.add("pa-busy");
  try {
    const found = await server[name](asked);
    if (found && !found.error) return found;
    refuse(found ? found.error : AWAY);  // gradio gives nothing where it cannot reach the server
  } catch (error) {
    refuse(AWAY);
  } finally {
    busy = false;
    root.classList.remove("pa-busy");
  }
  return null;
}

function show(found) {
  view = found;
  marked = new Set(found.chosen || []);
  at = found.chosen && found.chosen.length ? found.chosen[0] : 0;
  since = performance.now();
  one(".pa-enter").hidden = true;
  one(".pa-work").hidden = false;
  one(".pa-count").textContent = `${found.done} of ${found.total} done` + (found.clip_id === null ? "" : `, clip ${found.position}`);
  one(".pa-who").textContent = found.annotator;
  one(".pa-bar i").style.width = `${found.total ? (100 * found.done) / found.total : 0}%`;
  one(".pa-bar").setAttribute("aria-valuemax", found.total);
  one(".pa-bar").setAttribute("aria-valuenow", found.done);
  const over = found.clip_id === null;
  one(".pa-desk").hidden = over;
  one(".pa-done").hidden = !over;
  const film = one("video");
  if (over) {
    film.removeAttribute("src");
    one(".pa-done p").textContent = `Thank you, ${found.annotator}. ${found.done} clips are answered.` + (found.skipped ? ` Skipped: ${found.skipped}.` : "");
    return;
  }
  film.src = address(found.file);
  window.scrollTo(0, 0);
  film.play().catch(() => {});
  const many = found.mode === "good";
  one(".pa-ask").textContent = many ? "Mark every caption that describes the clip well." : "Which caption describes the clip best?";
  one(".pa-digits").textContent = many ? "mark a caption, or take the mark away" : "pick a caption, and go on";
  one(".pa-enter-key").textContent = many ? "save the marked captions, and go on" : "pick the caption that the arrows are on";
  one('[data-do="save"]').hidden = !many;
  const list = one(".pa-captions");
  list.replaceChildren(...found.captions.map((text, place) => {
    const button = make("button", undefined, "pa-caption");
    button.type = "button";
    button.dataset.place = place;
    button.append(make("kbd", place < 9 ? String(place + 1) : ""), make("span", text));
    const item = make("li");
    item.append(button);
    return item;
  }));
  paint();
  say(found.chosen === null ? "" : "You have answered this clip. Another answer takes the place of yours.");
}

function paint() {
  root.querySelectorAll(".pa-captions .pa-caption").forEach((button, place) => {
    button.classList.toggle("pa-at", place === at);
    button.classList.toggle("pa-marked", marked.has(place));
    button.setAttribute("aria-pressed", String(marked.has(place)));
  });
  const bad = view.chosen !== null && view.chosen.length === 0 && marked.size === 0;
  one(".pa-bad").classList.toggle("pa-marked", bad);
  one(".pa-bad").classList.toggle("pa-at", at === view.captions.length);
  const here = root.querySelector(".pa-at");
  if (here) here.scrollIntoView({ block: "nearest" });
}

async function keep(places) {
  const seconds = (performance.now() - since) / 1000;
  const { annotator, clip_id, candidates } = view;
  const found = await ask("answer", { annotator, clip_id, candidates, places, seconds });
  if (found) show(found);
}

function choose(place) {
  if (!view || place > view.captions.length) return;
  at = place;
  if (place === view.captions.length) { marked.clear(); paint(); keep([]); return; }
  if (view.mode === "good") {
    if (!marked.delete(place)) marked.add(place);
    paint();
    return;
  }
  marked = new Set([place]);
  paint();
  keep([place]);
}

function confirm() {
  if (view.mode !== "good") return choose(at);
  if (at === view.captions.length) return choose(at);
  if (marked.size === 0) return say("Mark at least one caption, or press 0 when all are bad.", true);
  keep([...marked].sort((a, b) => a - b));
}

async function see(asked) {
  const found = await ask("see", asked);
  if (found) show(found);
  return found;
}

async function enter(annotator) {
  const found = await see({ annotator });
  if (!found) return;
  sessionStorage.setItem(KEPT, found.annotator);
  one(".pa-enter input").blur();
}

async function undo() {
  const found = await ask("undo", { annotator: view.annotator });
  if (!found) return;
  if (found.nothing) return say("There is nothing to undo.");
  show(found);
  say("Your last answer is taken back.");
}

async function agreement() {
  const found = await ask("agreement", {});
  if (!found) return;
  const percent = (share) => `${(100 * share).toFixed(0)} %`;
  const above = (value) => (value === null ? "–" : value.toFixed(2));
  const all = found.overall;
  const clips = all ? (all.clips === 1 ? "1 clip" : `${all.clips} clips`) : "";
  one(".pa-overall").textContent = !all
    ? "No clip has been judged by two people yet."
    : all.above_chance === null
      ? `All pairs of people: their marks overlap by ${percent(all.share)}, over ${clips} that both judged.`
      : `All pairs of people: ${percent(all.share)} the same, over ${clips} that both judged; ${above(all.above_chance)} above chance, where 1 is always.`;
  one(".pa-agreement table").hidden = !all;
  one(".pa-agreement tbody").replaceChildren(...found.pairs.slice(0, 50).map((pair) => {
    const row = make("tr");
    row.append(make("td", pair.names.join(" – ")), make("td", String(pair.clips)), make("td", percent(pair.share)), make("td", above(pair.above_chance)));
    return row;
  }));
  one(".pa-agreement").showModal();
}

const doings = {
  agreement, undo,
  help: () => one(".pa-help").showModal(),
  close: () => root.querySelectorAll("dialog").forEach((box) => box.close()),
  bad: () => choose(view.captions.length),
  save: confirm,
  back: () => see({ annotator: view.annotator, clip_id: view.clip_id, step: -1 }),
  next: () => see({ annotator: view.annotator, clip_id: view.clip_id, step: 1 }),
  leave: () => { sessionStorage.removeItem(KEPT); window.location.reload(); },
};
const move = (step) => {
  at = Math.min(Math.max(at + step, 0), view.captions.length);
  paint();
};
const film = () => { const video = one("video"); if (video.paused) video.play(); else video.pause(); };
const keys = {
  ArrowUp: () => move(-1), ArrowDown: () => move(1), ArrowLeft: () => doings.back(), ArrowRight: () => doings.next(),
  Enter: confirm, " ": film, u: undo, "?": doings.help,
};

root.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button || button.type === "submit" || busy) return;
  if (event.detail > 0) button.blur();  // the mouse leaves no focus that Enter would press again
  if (button.dataset.place !== undefined) choose(Number(button.dataset.place));
  else if (button.dataset.do) doings[button.dataset.do]();
});

one(".pa-enter").addEventListener("submit", (event) => {
  event.preventDefault();
  enter(one(".pa-enter input").value);
});

document.addEventListener("keydown", (event) => {
  if (!root.isConnected || !view || one(".pa-work").hidden || event.ctrlKey || event.metaKey || event.altKey) return;
  const box = root.querySelector("dialog[open]");
  if (box) { if (event.key === "?") { box.close(); event.preventDefault(); } return; }
  if (event.target.closest("input, textarea, select")) return;
  const focused = event.target.closest("button");
  if (focused && root.contains(focused) && ["Enter", " "].includes(event.key)) return;  // the focused button is meant
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const over = view.clip_id === null;
  const isDigit = /^[0-9]$/.test(key);
  if (!isDigit && !(key in keys)) return;
  event.preventDefault();
  event.stopPropagation();
  if (busy || event.repeat && !key.startsWith("Arrow")) return;
  if (over && !["u", "?"].includes(key)) return;
  if (!isDigit) return keys[key]();
  const place = key === "0" ? view.captions.length : Number(key) - 1;
  if (key === "0" || place < view.captions.length) choose(place);
}, true);

const known = sessionStorage.getItem(KEPT);
if (known) enter(known);
