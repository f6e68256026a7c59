// Messages against docs/protocol, by validators that know nothing of gridpact: `node validate.cjs FOLDER < messages`, a
// line of JSON {"kind", "body"} each. Prints one JSON object.
const fs = require("fs");
const path = require("path");
const Ajv = require("ajv/dist/2020");
const formats = require("ajv-formats");
const { Parser } = require("@asyncapi/parser");

async function main(folder) {
  const { document, diagnostics } = await new Parser().parse(fs.readFileSync(path.join(folder, "asyncapi.json"), "utf8"));
  const strict = formats(new Ajv({ strict: true, strictTypes: false, validateFormats: true }), { keywords: true });
  const loose = formats(new Ajv({ strict: false }), { keywords: true }); // the parser leaves notes of its own
  const bySchema = {}, byDocument = {};
  for (const file of fs.readdirSync(path.join(folder, "schemas"))) {
    bySchema[path.basename(file, ".json")] = strict.compile(JSON.parse(fs.readFileSync(path.join(folder, "schemas", file))));
  }
  for (const message of document ? document.messages().all() : []) {
    byDocument[message.name()] = loose.compile(message.payload().json());
  }
  const faults = [], counts = {};
  for (const line of fs.readFileSync(0, "utf8").split("\n").filter(Boolean)) {
    const { kind, body } = JSON.parse(line);
    counts[kind] = (counts[kind] || 0) + 1;
    for (const [by, validators] of [["schema", bySchema], ["asyncapi", byDocument]]) {
      const validate = validators[kind];
      if (!validate || !validate(body)) faults.push({ by, kind, body, errors: validate ? validate.errors : "unknown" });
    }
  }
  const operations = document ? document.operations().all().map((one) => `${one.action()} ${one.channels().all()[0].address()}`) : [];
  const kinds = { schema: Object.keys(bySchema), asyncapi: Object.keys(byDocument) };
  console.log(JSON.stringify({ diagnostics, counts, faults, kinds, operations }));
}

main(process.argv[2]);
