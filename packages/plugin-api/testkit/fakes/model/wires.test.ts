import { expect, test } from 'vitest';
import { messagesWire } from './messages.ts';
import { responsesWire } from './responses.ts';
import type { Reply, Wire } from './wire.ts';

const reply = (more: Partial<Reply> = {}): Reply => ({
  model: 'm',
  text: 'Some words.',
  calls: [],
  usage: { input: 10, cachedInput: 4, output: 2 },
  ...more,
});
const call = { id: 'call_1', name: 'write', kind: 'json', args: { path: 'a' } } as const;
const patch = { id: 'call_2', name: 'apply_patch', kind: 'freeform', input: '*** Begin' } as const;

const eventsOf = (wire: Wire, said: Reply): string[] =>
  [...wire.stream(said, true)].map((part) => (part === 'cut-here' ? part : (part.event ?? '')));

test('responses: tools of three kinds are offered, others are not', () => {
  const { tools } = responsesWire.read({
    tools: [
      { type: 'function', name: 'write', parameters: { type: 'object' } },
      { type: 'custom', name: 'apply_patch' },
      { type: 'namespace', tools: [{ name: 'inner', parameters: {} }] },
      { type: 'web_search' },
    ],
  });
  expect(tools.map(({ name, freeform }) => [name, freeform])).toEqual([
    ['write', false],
    ['apply_patch', true],
    ['inner', false],
  ]);
});

test('responses: a conversation is a text or a list, and calls are known by their ids', () => {
  const plain = responsesWire.read({ instructions: 'Be good.', input: 'hello' });
  expect(plain.items).toEqual([
    { text: 'Be good.', callIds: [] },
    { user: 'hello', text: 'hello', callIds: [] },
  ]);
  const { items } = responsesWire.read({
    input: [
      { type: 'function_call', call_id: 'call_1' },
      { type: 'custom_tool_call', id: 'call_2' },
      { role: 'assistant', content: [{ type: 'output_text', text: 'done' }] },
    ],
  });
  expect(items.slice(1).map(({ callIds, user }) => [callIds, user])).toEqual([
    [['call_1'], undefined],
    [['call_2'], undefined],
    [[], undefined],
  ]);
});

test('responses: what is streamed ends as what is said at once', () => {
  const said = reply({ calls: [call, patch] });
  expect(responsesWire.whole(said)).toMatchObject({
    output: [
      { type: 'message', content: [{ text: 'Some words.' }] },
      { type: 'function_call', arguments: '{"path":"a"}' },
      { type: 'custom_tool_call', input: '*** Begin' },
    ],
  });
  const events = eventsOf(responsesWire, said);
  expect(events[0]).toBe('response.created');
  expect(events.at(-1)).toBe('response.completed');
  expect(events).toContain('cut-here');
  expect(events).toContain('response.function_call_arguments.done');
  expect(events).toContain('response.custom_tool_call_input.done');
  expect(eventsOf(responsesWire, reply({ text: '' }))).toEqual(['response.created', 'response.completed']);
});

test('messages: only tools with a schema are offered, and calls are known by their ids', () => {
  const { tools, items } = messagesWire.read({
    system: [{ type: 'text', text: 'Be good.' }],
    tools: [
      { name: 'write', input_schema: {} },
      { type: 'bash_20250124', name: 'bash' },
    ],
    messages: [
      { role: 'user', content: 'hello' },
      {
        role: 'assistant',
        content: [
          { type: 'tool_use', id: 'call_1' },
          { type: 'text', text: 'so' },
        ],
      },
    ],
  });
  expect(tools.map(({ name }) => name)).toEqual(['write']);
  expect(items.map(({ user, callIds }) => [user, callIds])).toEqual([
    [undefined, []],
    ['hello', []],
    [undefined, ['call_1']],
  ]);
});

test('messages: the reason to stop follows from the calls', () => {
  expect(messagesWire.whole(reply())).toMatchObject({ stop_reason: 'end_turn' });
  expect(messagesWire.whole(reply({ calls: [call] }))).toMatchObject({ stop_reason: 'tool_use' });
  expect(messagesWire.whole(reply({ text: '', calls: [patch] }))).toMatchObject({ stop_reason: 'tool_use' });
  const events = eventsOf(messagesWire, reply({ calls: [call] }));
  expect(events[0]).toBe('message_start');
  expect(events.filter((event) => event === 'content_block_stop')).toHaveLength(2);
  expect(events.at(-1)).toBe('message_stop');
});
