// The shared worker that holds the event stream of all tabs; see link.js.
import { Link } from "./link.js";

const link = new Link(self.name.slice(self.name.indexOf(":") + 1)); // base.html names it

self.onconnect = ({ ports: [port] }) => {
  const send = (message) => port.postMessage(message);
  port.onmessage = ({ data }) => {
    if (data.kind === "show") link.show(send, data.topics, data.csrf);
    else if (data.kind === "alive") link.alive(send);
    else if (data.kind === "leave") link.leave(send);
  };
};
