// The dialogue with `openai` for Node.js: a stream, a plain reply, and its runner of tools.
import OpenAI from "openai";

const [first, second, third, fourth] = JSON.parse(process.argv[2]);
const client = new OpenAI({ maxRetries: 0 });
const model = "gpt-test";
const messages = [{ role: "system", content: "You are a baker." }];
const replies = [];
const add = (role, content) => messages.push({ role, content });
const answered = (content) => { replies.push(content); add("assistant", content); };
const plainly = async () => answered((await client.chat.completions.create({ model, messages })).choices[0].message.content);

add("user", first);
let text = "";
for await (const chunk of await client.chat.completions.create({ model, messages, stream: true }))
  text += chunk.choices[0]?.delta?.content ?? "";
answered(text);
add("user", second);
await plainly();
add("user", third);
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const weather = { name: "weather", description: "The weather.", parameters, parse: JSON.parse, function: ({ city }) => `7 degrees in ${city}` };
const runner = client.chat.completions.runTools({ model, messages, stream: true, tools: [{ type: "function", function: weather }] });
replies.push(await runner.finalContent());
messages.splice(0, messages.length, ...runner.messages);
add("user", fourth);
await plainly();
console.log(JSON.stringify({ replies }));
