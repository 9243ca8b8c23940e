/** Gemini generateContent. The format has no call ids: the position in the script is counted instead. */
import { randomUUID } from 'node:crypto';
import { fillSchema } from './schema.ts';
import { type Reply, record, records, type StreamPart, string, textOf, type Wire } from './wire.ts';

export const geminiWire: Wire = {
  name: 'gemini',
  read: (body) => ({
    tools: records(body.tools)
      .flatMap((tool) => records(tool.functionDeclarations))
      .map((declared) => ({
        name: string(declared.name),
        schema: record(declared.parametersJsonSchema ?? declared.parameters),
        freeform: false,
      })),
    items: [
      { text: textOf(record(body.systemInstruction).parts), callIds: [] },
      ...records(body.contents).map((content) => ({
        user: content.role === 'user' ? textOf(content.parts) : undefined,
        text: textOf(content.parts),
        callIds: records(content.parts).some((part) => part.functionCall !== undefined) ? [''] : [],
      })),
    ],
  }),
  whole: (reply) => wholeOf(reply, [...textParts(reply), ...callParts(reply)], 'STOP'),
  *stream(reply): Iterable<StreamPart> {
    yield { data: wholeOf(reply, textParts(reply), undefined) };
    yield 'cut-here';
    yield { data: wholeOf(reply, callParts(reply), 'STOP') };
  },
};

const textParts = (reply: Reply): readonly object[] => {
  if (reply.jsonSchema !== undefined) return [{ text: JSON.stringify(fillSchema(reply.jsonSchema, {})) }];
  return reply.text === '' ? [] : [{ text: reply.text }];
};

const callParts = (reply: Reply): readonly object[] =>
  reply.calls.map((call) => ({
    functionCall: { name: call.name, args: call.kind === 'json' ? call.args : { input: call.input } },
  }));

const wholeOf = (reply: Reply, parts: readonly object[], finishReason: string | undefined) => ({
  candidates: [
    { content: { role: 'model', parts }, index: 0, ...(finishReason === undefined ? {} : { finishReason }) },
  ],
  usageMetadata: {
    promptTokenCount: reply.usage.input,
    cachedContentTokenCount: reply.usage.cachedInput,
    candidatesTokenCount: reply.usage.output,
    totalTokenCount: reply.usage.input + reply.usage.output,
  },
  modelVersion: reply.model,
  responseId: randomUUID(),
});
