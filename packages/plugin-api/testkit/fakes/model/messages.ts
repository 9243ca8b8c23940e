/** Anthropic Messages. Its input tokens exclude cached ones. */
import { randomUUID } from 'node:crypto';
import {
  argumentsOf,
  list,
  pieces,
  type Reply,
  record,
  records,
  type StreamPart,
  string,
  textOf,
  type Wire,
} from './wire.ts';

export const messagesWire: Wire = {
  name: 'messages',
  read: (body) => ({
    tools: records(body.tools).flatMap((tool) =>
      tool.input_schema === undefined
        ? []
        : [{ name: string(tool.name), schema: record(tool.input_schema), freeform: false }],
    ),
    items: [
      { text: textOf(body.system), callIds: [] },
      ...records(body.messages).map((message) => ({
        user: message.role === 'user' ? textOf(message.content) : undefined,
        text: textOf(message.content),
        callIds: list(message.content)
          .map(record)
          .filter((part) => part.type === 'tool_use')
          .map((part) => string(part.id)),
      })),
    ],
  }),
  whole: (reply) => ({
    ...head(reply),
    content: blocksOf(reply),
    stop_reason: stopReason(reply),
    usage: usageOf(reply),
  }),
  *stream(reply): Iterable<StreamPart> {
    const opening = { ...head(reply), content: [], usage: { ...usageOf(reply), output_tokens: 1 } };
    yield named('message_start', { message: opening });
    for (const [index, block] of blocksOf(reply).entries()) {
      const isText = block.type === 'text';
      yield named('content_block_start', {
        index,
        content_block: isText ? { type: 'text', text: '' } : { ...block, input: {} },
      });
      const text = isText ? block.text : JSON.stringify(block.input);
      for (const piece of pieces(text))
        yield named('content_block_delta', {
          index,
          delta: isText
            ? { type: 'text_delta', text: piece }
            : { type: 'input_json_delta', partial_json: piece },
        });
      if (isText) yield 'cut-here';
      yield named('content_block_stop', { index });
    }
    yield named('message_delta', {
      delta: { stop_reason: stopReason(reply), stop_sequence: null },
      usage: usageOf(reply),
    });
    yield named('message_stop', {});
  },
};

const named = (type: string, data: object): StreamPart => ({ event: type, data: { type, ...data } });

const head = (reply: Reply) => ({
  id: `msg_${randomUUID()}`,
  type: 'message',
  role: 'assistant',
  model: reply.model,
  stop_reason: null,
  stop_sequence: null,
});

type Block =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'tool_use'; readonly id: string; readonly name: string; readonly input: unknown };

const blocksOf = (reply: Reply): readonly Block[] => [
  ...(reply.text === '' ? [] : [{ type: 'text' as const, text: reply.text }]),
  ...reply.calls.map((call) => ({
    type: 'tool_use' as const,
    id: call.id,
    name: call.name,
    input: call.kind === 'json' ? call.args : { input: argumentsOf(call) },
  })),
];

const stopReason = (reply: Reply): string => (reply.calls.length === 0 ? 'end_turn' : 'tool_use');

const usageOf = ({ usage }: Reply) => ({
  input_tokens: usage.input - usage.cachedInput,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: usage.cachedInput,
  output_tokens: usage.output,
});
