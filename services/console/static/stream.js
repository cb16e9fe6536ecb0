// The stream page: rows that sort and unfold, and the tail, which asks for what came since its cursor.
import { live, post } from "./console.js";

const $ = (id) => document.getElementById(id);

// --- groups ---------------------------------------------------------------------------------------------------------
const table = $("lags");
const SORT_EVERY = 3000; // rows that jump cannot be read
let wantedOrder = null;
let sortedAt = 0;

function familyOf(row) {
  const family = [row];
  while (family.at(-1).nextElementSibling?.dataset.of === row.dataset.row) family.push(family.at(-1).nextElementSibling);
  return family;
}

function sort() {
  const body = table?.tBodies[0];
  const isRead = table?.matches(":hover") || table?.contains(document.activeElement);
  if (!body || !wantedOrder || isRead || performance.now() - sortedAt < SORT_EVERY) return;
  const rows = new Map([...body.querySelectorAll("tr[data-row]")].map((row) => [row.dataset.row, row]));
  for (const key of wantedOrder) if (rows.has(key)) body.append(...familyOf(rows.get(key)));
  wantedOrder = null;
  sortedAt = performance.now();
}

const cellOf = (row, column) => row.querySelector(`[data-live="lag/${row.dataset.row}/${column}"]`);

function filter() {
  if (!table) return;
  const word = $("filter").value.trim().toLowerCase();
  const behindOnly = $("behind").checked;
  const withEmpty = $("empty").checked;
  let shown = 0;
  for (const row of table.querySelectorAll("tr[data-row]")) {
    const waits = cellOf(row, "lag").textContent !== "0";
    const isEmpty = cellOf(row, "end").textContent === "0";
    const fits = row.dataset.row.toLowerCase().includes(word) && (waits || !behindOnly) && (word || withEmpty || !isEmpty);
    for (const each of familyOf(row)) each.hidden = !fits;
    shown += fits;
  }
  $("none-fits").hidden = shown > 0;
}

async function unfold(button) {
  const { group, topic } = button.dataset;
  const row = button.closest("tr");
  const name = `partitions:${group}/${topic}`;
  if (button.getAttribute("aria-expanded") === "true") {
    button.setAttribute("aria-expanded", "false");
    for (const each of familyOf(row).slice(1)) each.remove();
    live.unwant(name);
    return;
  }
  button.setAttribute("aria-expanded", "true");
  const answer = await fetch(`/stream/partitions?${new URLSearchParams({ group, topic })}`);
  if (!answer.ok || button.getAttribute("aria-expanded") !== "true" || familyOf(row).length > 1) return;
  row.insertAdjacentHTML("afterend", await answer.text());
  live.collect();
  live.want(name);
}

if (table) {
  document.addEventListener("live:lag", ({ detail: { frame } }) => {
    if (frame.order) wantedOrder = frame.order;
    filter();
  });
  setInterval(sort, 500);
  $("filter").addEventListener("input", filter);
  $("behind").addEventListener("change", filter);
  $("empty").addEventListener("change", filter);
  table.addEventListener("click", (event) => {
    const button = event.target.closest(".toggle");
    if (button) unfold(button);
  });
} else {
  // the page came before the console's first look at Kafka
  document.addEventListener("live:lag", ({ detail: { frame } }) => frame.order?.length && location.reload());
}

// --- the tail -------------------------------------------------------------------------------------------------------
const EVERY = 600;
const KEPT = 400; // lines on the page; older ones leave it, never the count
const box = $("tail-box");
const lines = $("tail-lines");
const state = $("tail-state");
let cursor = null;
let paused = false;
let jump = false;
let asking = false;
let generation = 0; // a changed filter makes answers under way worthless
let skipped = 0;
let passed = 0;

const isHeld = () => box.scrollTop > 8;
const wish = () => ({
  cursor,
  topic: $("tail-topic").value,
  contains: $("tail-contains").value,
  jump,
  ...(paused || isHeld() ? { most: 0 } : {}),
});

function tell(behind, away = false) {
  const say = (name, count) => state.dataset[name].replace("{count}", count.toLocaleString("en"));
  const parts = [];
  if (away) parts.push(state.dataset.away);
  else if (paused) parts.push(say("paused", behind));
  else if (isHeld()) parts.push(say("held", behind));
  else if (behind > 0) parts.push(say("behind", behind));
  else parts.push(state.dataset.liveText);
  if (passed) parts.push(say("passed", passed));
  if (skipped) parts.push(say("skipped", skipped));
  const text = parts.join(" · ");
  if ($("tail-text").textContent !== text) $("tail-text").textContent = text;
  state.dataset.state = away || skipped ? "warning" : "";
  $("tail-jump").hidden = away || behind < 200;
}

async function ask() {
  if (asking || document.visibilityState !== "visible") return;
  asking = true;
  const mine = generation;
  try {
    const answer = await post("/stream/tail", wish());
    if (mine !== generation) return;
    if (!answer.ok) {
      tell(0, true);
      return;
    }
    take(await answer.json(), mine);
  } catch {
    tell(0, true); // the badge above says that the server is away
  } finally {
    asking = false;
  }
}

function take(told, mine) {
  if (mine !== generation) return;
  cursor = told.cursor;
  skipped += told.skipped;
  passed += told.scanned - told.lines;
  jump = false;
  if (told.lines) {
    const fresh = document.createElement("template");
    fresh.innerHTML = told.html;
    lines.prepend(...[...fresh.content.querySelectorAll("tr")].reverse());
    while (lines.rows.length > KEPT) lines.deleteRow(-1);
  }
  $("tail-empty").hidden = lines.rows.length > 0;
  tell(told.behind);
}

function begin() {
  generation += 1;
  cursor = null;
  skipped = 0;
  passed = 0;
  jump = false;
  lines.replaceChildren();
  $("tail-empty").hidden = false;
  box.scrollTop = 0;
}

$("tail-pause").addEventListener("click", ({ currentTarget: button }) => {
  paused = !paused;
  button.setAttribute("aria-pressed", String(paused));
  button.textContent = paused ? button.dataset.resume : button.dataset.pause;
  ask();
});
$("tail-jump").addEventListener("click", () => {
  jump = true;
  ask();
});
$("tail-topic").addEventListener("change", begin);
let typing;
$("tail-contains").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(begin, 300);
});
setInterval(ask, EVERY);
ask();
