// The dialogue with Vercel's `ai` over its openai-compatible provider: a stream, a plain reply, and tools.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const [first, second, third, fourth] = JSON.parse(process.argv[2]);
const graft = createOpenAICompatible({ name: "graft", baseURL: process.env.OPENAI_BASE_URL, apiKey: process.env.OPENAI_API_KEY });
const always = { model: graft("gpt-test"), instructions: "You are a baker.", maxRetries: 0 };
const messages = [];
const replies = [];
const add = (content) => messages.push({ role: "user", content });
const answered = (text, more) => { replies.push(text); messages.push(...more); };

add(first);
const stream = streamText({ ...always, messages });
let text = "";
for await (const piece of stream.textStream) text += piece;
answered(text, (await stream.response).messages);
const weather = tool({ description: "The weather.", inputSchema: z.object({ city: z.string() }), execute: async ({ city }) => `7 degrees in ${city}` });
for (const [said, more] of [
  [second, {}],
  [third, { tools: { weather }, stopWhen: stepCountIs(5) }],
  [fourth, {}],
]) {
  add(said);
  const done = await generateText({ ...always, ...more, messages });
  answered(done.text, done.responseMessages ?? done.response.messages);
}
console.log(JSON.stringify({ replies }));
