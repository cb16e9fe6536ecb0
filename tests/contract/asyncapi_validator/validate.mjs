// Prints the official parser's diagnostics for the document named on the command line, as JSON.
import { readFile } from "node:fs/promises";
import { Parser } from "@asyncapi/parser";

const { document, diagnostics } = await new Parser().parse(await readFile(process.argv[2], "utf8"));
const found = diagnostics.map(({ code, message, path, severity }) => ({ code, message, path, severity }));
console.log(JSON.stringify({
  valid: document !== undefined,
  channels: document ? document.allChannels().length : 0,
  messages: document ? document.components().messages().length : 0,
  diagnostics: found,
}));
