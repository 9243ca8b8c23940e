/** OpenAI Chat Completions. */
import { randomUUID } from 'node:crypto';
import {
  argumentsOf,
  pieces,
  type Reply,
  record,
  records,
  type StreamPart,
  string,
  textOf,
  type Wire,
} from './wire.ts';

export const chatWire: Wire = {
  name: 'chat',
  read: (body) => ({
    tools: records(body.tools).flatMap((tool) => {
      const offered = record(tool.function);
      return offered.name === undefined
        ? []
        : [{ name: string(offered.name), schema: record(offered.parameters), freeform: false }];
    }),
    items: records(body.messages).map((message) => ({
      user: message.role === 'user' ? textOf(message.content) : undefined,
      text: textOf(message.content),
      callIds: records(message.tool_calls).map((call) => string(call.id)),
    })),
  }),
  whole: (reply) => ({
    ...head(reply, 'chat.completion'),
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: reply.text === '' ? null : reply.text,
          ...(reply.calls.length === 0 ? {} : { tool_calls: reply.calls.map(toolCall) }),
        },
        finish_reason: finishReason(reply),
      },
    ],
    usage: usageOf(reply),
  }),
  *stream(reply, includeUsage): Iterable<StreamPart> {
    const shared = head(reply, 'chat.completion.chunk');
    const chunk = (delta: unknown, finish: string | null = null): StreamPart => ({
      data: { ...shared, choices: [{ index: 0, delta, finish_reason: finish }] },
    });
    yield chunk({ role: 'assistant', content: '' });
    for (const piece of pieces(reply.text)) yield chunk({ content: piece });
    yield 'cut-here';
    for (const [index, call] of reply.calls.entries()) {
      const opening = toolCall(call);
      yield chunk({
        tool_calls: [{ index, ...opening, function: { ...opening.function, arguments: '' } }],
      });
      for (const piece of pieces(argumentsOf(call)))
        yield chunk({ tool_calls: [{ index, function: { arguments: piece } }] });
    }
    yield chunk({}, finishReason(reply));
    if (includeUsage) yield { data: { ...shared, choices: [], usage: usageOf(reply) } };
    yield { data: '[DONE]' };
  },
};

const head = (reply: Reply, object: string) => ({
  id: `chatcmpl-${randomUUID()}`,
  object,
  created: 0,
  model: reply.model,
});

const toolCall = (call: Reply['calls'][number]) => ({
  id: call.id,
  type: 'function',
  function: { name: call.name, arguments: argumentsOf(call) },
});

const finishReason = (reply: Reply): string => (reply.calls.length === 0 ? 'stop' : 'tool_calls');

const usageOf = ({ usage }: Reply) => ({
  prompt_tokens: usage.input,
  completion_tokens: usage.output,
  total_tokens: usage.input + usage.output,
  prompt_tokens_details: { cached_tokens: usage.cachedInput },
});
