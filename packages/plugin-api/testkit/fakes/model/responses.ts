/** OpenAI Responses. */
import { randomUUID } from 'node:crypto';
import {
  argumentsOf,
  type Loose,
  type OfferedTool,
  pieces,
  type Reply,
  record,
  records,
  type StreamPart,
  string,
  textOf,
  type Wire,
} from './wire.ts';

export const responsesWire: Wire = {
  name: 'responses',
  read: (body) => ({
    tools: records(body.tools).flatMap(toolsOf),
    items: [
      { text: string(body.instructions), callIds: [] },
      ...inputOf(body).map((item) => ({
        user: item.role === 'user' ? textOf(item.content) : undefined,
        text: textOf(item.content),
        callIds: string(item.type).endsWith('_call') ? [string(item.call_id ?? item.id)] : [],
      })),
    ],
  }),
  whole: (reply) => finished(reply, head(reply), outputOf(reply)),
  *stream(reply): Iterable<StreamPart> {
    const opening = head(reply);
    const output = outputOf(reply);
    let sequence = 0;
    const named = (type: string, data: object): StreamPart => ({
      event: type,
      data: { type, sequence_number: sequence++, ...data },
    });
    yield named('response.created', {
      response: { ...opening, status: 'in_progress', output: [], usage: null },
    });
    for (const [index, item] of output.entries())
      yield* item.type === 'message' ? messageParts(item, index, named) : callParts(item, index, named);
    yield named('response.completed', { response: finished(reply, opening, output) });
  },
};

const inputOf = (body: Loose): readonly Loose[] =>
  typeof body.input === 'string' ? [{ role: 'user', content: body.input }] : records(body.input);

const toolsOf = (tool: Loose): readonly OfferedTool[] => {
  const name = string(tool.name);
  if (tool.type === 'function') return [{ name, schema: record(tool.parameters), freeform: false }];
  if (tool.type === 'custom') return [{ name, schema: {}, freeform: true }];
  return tool.type === 'namespace'
    ? records(tool.tools).flatMap((inner) => toolsOf({ type: 'function', ...inner }))
    : [];
};

type Named = (type: string, data: object) => StreamPart;
type MessageItem = ReturnType<typeof messageItem>;
type CallItem = ReturnType<typeof callItem>;

function* messageParts(item: MessageItem, index: number, named: Named): Iterable<StreamPart> {
  const part = item.content[0];
  const at = { output_index: index, item_id: item.id, content_index: 0 };
  yield named('response.output_item.added', {
    output_index: index,
    item: { ...item, status: 'in_progress', content: [] },
  });
  yield named('response.content_part.added', { ...at, part: { ...part, text: '' } });
  for (const delta of pieces(part.text)) yield named('response.output_text.delta', { ...at, delta });
  yield 'cut-here';
  yield named('response.output_text.done', { ...at, text: part.text });
  yield named('response.content_part.done', { ...at, part });
  yield named('response.output_item.done', { output_index: index, item });
}

function* callParts(item: CallItem, index: number, named: Named): Iterable<StreamPart> {
  const at = { output_index: index, item_id: item.id };
  const [field, stem] =
    item.type === 'function_call'
      ? (['arguments', 'response.function_call_arguments'] as const)
      : (['input', 'response.custom_tool_call_input'] as const);
  const text = item.type === 'function_call' ? item.arguments : item.input;
  yield named('response.output_item.added', {
    output_index: index,
    item: { ...item, status: 'in_progress', [field]: '' },
  });
  yield named(`${stem}.delta`, { ...at, delta: text });
  yield named(`${stem}.done`, { ...at, [field]: text });
  yield named('response.output_item.done', { output_index: index, item });
}

const outputOf = (reply: Reply): readonly (MessageItem | CallItem)[] => [
  ...(reply.text === '' ? [] : [messageItem(reply.text)]),
  ...reply.calls.map(callItem),
];

const messageItem = (text: string) => ({
  type: 'message' as const,
  id: `msg_${randomUUID()}`,
  role: 'assistant',
  status: 'completed',
  content: [{ type: 'output_text', text, annotations: [] }] as const,
});

const callItem = (call: Reply['calls'][number]) => {
  const shared = { call_id: call.id, name: call.name, status: 'completed' };
  return call.kind === 'json'
    ? { type: 'function_call' as const, id: `fc_${randomUUID()}`, ...shared, arguments: argumentsOf(call) }
    : { type: 'custom_tool_call' as const, id: `ctc_${randomUUID()}`, ...shared, input: call.input };
};

const head = (reply: Reply) => ({
  id: `resp_${randomUUID()}`,
  object: 'response',
  created_at: 0,
  model: reply.model,
});

const finished = (reply: Reply, opening: object, output: readonly unknown[]) => ({
  ...opening,
  status: 'completed',
  output,
  usage: {
    input_tokens: reply.usage.input,
    input_tokens_details: { cached_tokens: reply.usage.cachedInput },
    output_tokens: reply.usage.output,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: reply.usage.input + reply.usage.output,
  },
});
