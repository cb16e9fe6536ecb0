// One event stream for every tab of this browser. A browser opens at most six connections to a server over all its
// tabs, so the tabs share one, held by live-worker.js; where there are no shared workers, each tab holds its own.

const AGAIN_AFTER = 1000; // milliseconds
const LOST_AFTER = 2200; // the server says something every second
const GONE_AFTER = 60000; // a tab that has not been heard of; timers of hidden tabs run once a minute

export class Link {
  constructor(language) {
    this.language = language; // the worker's own requests need not ask for the language of its pages
    this.tabs = new Map(); // send function -> {topics, csrf, heard}
    this.known = new Map(); // topic -> the state it has told so far
    this.source = null;
    this.stream = null;
    this.shown = "";
    this.heard = 0;
    this.timer = null;
    setInterval(() => this.watch(), 500);
  }

  // What one tab shows from now on; no topics: it is hidden.
  show(send, topics, csrf) {
    const before = this.tabs.get(send)?.topics ?? new Set();
    this.tabs.set(send, { topics: new Set(topics), csrf, heard: Date.now() });
    const state = {};
    for (const topic of topics) {
      if (!before.has(topic) && this.known.has(topic)) state[topic] = this.known.get(topic);
    }
    if (Object.keys(state).length) send({ kind: "frame", at: this.at, topics: state, heard: this.heard });
    this.follow();
  }

  alive(send) {
    const tab = this.tabs.get(send);
    if (tab) tab.heard = Date.now();
  }

  leave(send) {
    this.tabs.delete(send);
    this.follow();
  }

  wanted() {
    const topics = new Set();
    for (const tab of this.tabs.values()) for (const topic of tab.topics) topics.add(topic);
    return [...topics].sort();
  }

  // Open, change or release the stream, so that it carries what the tabs show and nothing else.
  follow() {
    const wanted = this.wanted();
    for (const topic of this.known.keys()) if (!wanted.includes(topic)) this.known.delete(topic);
    if (!wanted.length) return this.release();
    if (!this.source) return this.open(wanted);
    if (this.stream && wanted.join("\n") !== this.shown) this.change(wanted);
  }

  release() {
    clearTimeout(this.timer);
    this.timer = null;
    this.source?.close();
    this.source = null;
    this.stream = null;
    this.known.clear();
  }

  open(wanted) {
    clearTimeout(this.timer);
    this.timer = null;
    this.shown = wanted.join("\n");
    this.stream = null;
    this.heard = Date.now();
    const query = wanted.map((topic) => "&topic=" + encodeURIComponent(topic)).join("");
    const source = new EventSource("/live?language=" + encodeURIComponent(this.language) + query);
    this.source = source;
    source.addEventListener("stream", (event) => {
      this.stream = JSON.parse(event.data).stream;
      this.known.clear(); // a new stream tells everything anew
      this.heard = Date.now();
      this.follow(); // a tab may have come while it opened
    });
    source.addEventListener("frame", (event) => this.receive(JSON.parse(event.data)));
    source.addEventListener("signed-out", () => this.signedOut());
    source.onerror = () => this.again(source);
  }

  // Never leave it to the browser: it gives up after an answer other than a stream, and waits as it likes.
  again(source) {
    if (source !== this.source) return;
    source.close();
    this.source = null;
    this.stream = null;
    this.tell({ kind: "lost" });
    clearTimeout(this.timer);
    this.timer = setTimeout(async () => {
      if (await this.isSignedOut()) return this.signedOut();
      this.follow();
    }, AGAIN_AFTER);
  }

  async isSignedOut() {
    try {
      const answer = await fetch("/live/session", { cache: "no-store", signal: AbortSignal.timeout(2000) });
      return answer.status === 401;
    } catch {
      return false;
    }
  }

  signedOut() {
    this.tell({ kind: "signed-out" });
    this.release();
  }

  receive(message) {
    this.heard = Date.now();
    this.at = message.at;
    for (const [topic, frame] of Object.entries(message.topics)) this.remember(topic, frame);
    for (const [send, tab] of this.tabs) {
      if (!tab.topics.size) continue;
      const own = {};
      for (const [topic, frame] of Object.entries(message.topics)) if (tab.topics.has(topic)) own[topic] = frame;
      send({ kind: "frame", at: message.at, topics: own, heard: this.heard });
    }
  }

  remember(topic, frame) {
    const state = this.known.get(topic) ?? {};
    for (const [key, value] of Object.entries(frame)) {
      if (key === "cells") state.cells = { ...state.cells, ...value };
      else if (key !== "append") state[key] = value;
    }
    this.known.set(topic, state);
  }

  async change(wanted) {
    this.shown = wanted.join("\n");
    const stream = this.stream;
    const csrf = [...this.tabs.values()].at(-1).csrf;
    try {
      const answer = await fetch("/live/" + stream, {
        method: "POST",
        headers: { "content-type": "application/json", "x-csrf-token": csrf },
        body: JSON.stringify({ topics: wanted }),
        signal: AbortSignal.timeout(5000),
      });
      if (!answer.ok && stream === this.stream) this.again(this.source);
    } catch {
      if (stream === this.stream) this.again(this.source);
    }
  }

  tell(message) {
    for (const [send, tab] of this.tabs) if (tab.topics.size) send(message);
  }

  watch() {
    const now = Date.now();
    let gone = false;
    for (const [send, tab] of this.tabs) if (now - tab.heard > GONE_AFTER * 2) gone = this.tabs.delete(send);
    if (gone) this.follow();
    if (this.source && now - this.heard > LOST_AFTER) this.again(this.source);
  }
}
