// Live cells, the badge that says how old the data is, and menus that close. A page names what it shows live in
// <main data-live-topics="lag tail:…">; cells are [data-live="topic/key"]; all else reaches the page's own script as
// a "live:<topic name>" event with {topic, frame, at}.
import { Link } from "./link.js";

const ATTRIBUTES = new Set(["points", "d", "x", "x1", "x2", "y", "y1", "y2", "width", "height", "transform", "datetime", "aria-label", "data-level", "value", "max"]);
const LATE = 2200; // milliseconds without a word from the server
const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content;
const main = document.getElementById("main");
const badge = document.getElementById("connection");
const topics = new Set((main.dataset.liveTopics ?? "").split(/\s+/).filter(Boolean));

let cells = new Map();
let heard = performance.now(); // when the server last spoke
let fresh = performance.now(); // when the data shown was last true
let lost = false;
let signedOut = false;

function collect() {
  cells = new Map();
  for (const element of document.querySelectorAll("[data-live]")) {
    const list = cells.get(element.dataset.live);
    if (list) list.push(element);
    else cells.set(element.dataset.live, [element]);
  }
}

function put(element, [text, state, title, attributes]) {
  if (text !== null && element.textContent !== text) element.textContent = text;
  if (element.dataset.state !== state) element.dataset.state = state;
  if (element instanceof SVGElement ? false : element.title !== title) element.title = title;
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (ATTRIBUTES.has(name)) element.setAttribute(name, value);
  }
}

function receive(message) {
  if (message.kind === "lost") {
    lost = true;
  } else if (message.kind === "signed-out") {
    signedOut = true;
  } else {
    const waited = Math.max(0, Date.now() - message.heard);
    heard = performance.now() - waited;
    lost = false;
    signedOut = false;
    for (const [topic, frame] of Object.entries(message.topics)) show(topic, frame, message.at);
    if (!stale) fresh = heard;
  }
  tellAge();
}

// A topic may say since when its own readings are old ("as_of"), while the server itself is well.
let stale = false;
const ages = new Map();

function show(topic, frame, at) {
  const name = topic.split(":", 1)[0];
  for (const [key, cell] of Object.entries(frame.cells ?? {})) {
    for (const element of cells.get(`${name}/${key}`) ?? []) put(element, cell);
  }
  if ("as_of" in frame) ages.set(topic, { asOf: Date.parse(frame.as_of), seen: performance.now(), at: Date.parse(at) });
  document.dispatchEvent(new CustomEvent(`live:${name}`, { detail: { topic, frame, at } }));
}

function oldestReading() {
  let oldest = 0;
  for (const { asOf, seen, at } of ages.values()) {
    oldest = Math.max(oldest, Number.isNaN(asOf) ? 0 : at - asOf + (performance.now() - seen));
  }
  return oldest;
}

function tellAge() {
  if (!badge || !topics.size) return;
  const silent = performance.now() - heard;
  const isLost = lost || silent > LATE;
  const reading = oldestReading();
  stale = reading > 4000;
  let text = "";
  if (signedOut) text = badge.dataset.signedOut;
  else if (isLost) text = badge.dataset.lost.replace("{seconds}", Math.round((performance.now() - fresh) / 1000));
  else if (stale) text = badge.dataset.stale.replace("{seconds}", Math.round(reading / 1000));
  if (badge.textContent !== text) badge.textContent = text;
  badge.hidden = text === "";
  document.documentElement.classList.toggle("lost", text !== "");
}

let say;
if ("SharedWorker" in window) {
  const worker = new SharedWorker(meta("live"), { type: "module", name: meta("live-name") });
  worker.port.onmessage = ({ data }) => receive(data);
  worker.port.start();
  say = (message) => worker.port.postMessage(message);
} else {
  const link = new Link(document.documentElement.lang);
  say = (message) => {
    if (message.kind === "show") link.show(receive, message.topics, message.csrf);
    else if (message.kind === "alive") link.alive(receive);
    else link.leave(receive);
  };
}

function follow() {
  const shown = document.visibilityState === "visible" ? [...topics] : [];
  if (shown.length) heard = Math.max(heard, performance.now() - LATE / 2); // a hidden tab heard nothing, by its own wish
  say({ kind: "show", topics: shown, csrf: meta("csrf") });
}

// For a page's own script: cells that it added to the page, topics that it wants besides.
export const live = {
  collect,
  want(topic) {
    topics.add(topic);
    follow();
  },
  unwant(topic) {
    topics.delete(topic);
    ages.delete(topic);
    follow();
  },
};

export async function post(path, body) {
  return fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json", "x-csrf-token": meta("csrf"), accept: "application/json" },
    body: JSON.stringify(body),
  });
}

collect();
document.addEventListener("visibilitychange", follow);
window.addEventListener("pagehide", () => say({ kind: "leave" }));
window.addEventListener("pageshow", (event) => event.persisted && follow());
if (topics.size) follow();
setInterval(tellAge, 250);
setInterval(() => say({ kind: "alive" }), 20000);

document.addEventListener("click", (event) => {
  for (const open of document.querySelectorAll("details.who[open]")) if (!open.contains(event.target)) open.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const open of document.querySelectorAll("details.who[open]")) {
    open.open = false;
    open.querySelector("summary").focus();
  }
});
