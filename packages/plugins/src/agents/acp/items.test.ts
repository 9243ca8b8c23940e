import type { ItemBody } from '@berth/contract';
import { describe, expect, it } from 'vitest';
import { createItems } from './items.ts';
import { readUpdate } from './update.ts';

const collect = () => {
  const shown: [string, ItemBody][] = [];
  const pending = new Set<() => void>();
  let now = 0;
  const items = createItems((id, body) => shown.push([id, body]), {
    now: () => now,
    after: (_ms, then) => {
      pending.add(then);
      return () => pending.delete(then);
    },
  });
  const apply = (update: object) => {
    const read = readUpdate({ sessionId: 's', update })?.update;
    if (read !== undefined) items.apply(read);
  };
  const chunk = (text: string, kind = 'agent_message_chunk') =>
    apply({ sessionUpdate: kind, content: { type: 'text', text } });
  const tick = (ms: number) => {
    now += ms;
    for (const then of [...pending]) then();
    pending.clear();
  };
  return { shown, items, apply, chunk, tick };
};

describe('items', () => {
  it('gathers chunks into one message until something else happens', () => {
    const { shown, items, apply, chunk } = collect();
    for (const text of ['a', 'b', 'c']) chunk(text);
    chunk('hm', 'agent_thought_chunk');
    chunk('d');
    apply({ sessionUpdate: 'tool_call', toolCallId: 't', title: 'x' });
    chunk('e');
    items.finish();
    const last = new Map(shown);
    expect([...last].map(([id, body]) => [id, 'text' in body ? body.text : body.kind])).toEqual([
      ['message:1', 'abc'],
      ['thought:2', 'hm'],
      ['message:3', 'd'],
      ['tool:t', 'tool'],
      ['message:4', 'e'],
    ]);
    expect(last.get('tool:t')).toMatchObject({ status: 'failed' });
  });

  it('shows a growing message seldom, but never leaves its end unsaid', () => {
    const { shown, chunk, tick } = collect();
    for (let index = 0; index < 100; index += 1) chunk('x');
    expect(shown).toHaveLength(1);
    tick(100);
    expect(shown).toHaveLength(2);
    expect(shown[1]?.[1]).toMatchObject({ text: 'x'.repeat(100) });
  });

  it('keeps what an update of a tool leaves out, and counts those in flight', () => {
    const { shown, items, apply } = collect();
    apply({
      sessionUpdate: 'tool_call',
      toolCallId: 't',
      title: 'run',
      kind: 'execute',
      rawInput: { command: 'ls' },
    });
    apply({ sessionUpdate: 'tool_call_update', toolCallId: 't', status: 'in_progress' });
    expect(items.toolsInFlight()).toBe(1);
    apply({
      sessionUpdate: 'tool_call_update',
      toolCallId: 't',
      status: 'completed',
      content: [
        { type: 'content', content: { type: 'text', text: 'out' } },
        { type: 'diff', path: '/a', newText: '' },
      ],
    });
    expect(items.toolsInFlight()).toBe(0);
    expect(shown.at(-1)).toEqual([
      'tool:t',
      {
        kind: 'tool',
        title: 'run',
        tool: 'execute',
        status: 'completed',
        input: { command: 'ls' },
        output: 'out\n(changed /a)',
      },
    ]);
  });

  it('shows what a terminal of the agent prints, as codex-acp 2.6.0 tells it', () => {
    const { shown, apply, items } = collect();
    const printed = (data: string) =>
      apply({
        sessionUpdate: 'tool_call_update',
        toolCallId: 't',
        _meta: { terminal_output_delta: { data, terminal_id: 't' } },
      });
    apply({
      sessionUpdate: 'tool_call',
      toolCallId: 't',
      name: 'exec_command',
      kind: 'execute',
      title: 'node --test',
      status: 'in_progress',
      content: [{ type: 'terminal', terminalId: 't' }],
      _meta: { terminal_info: { cwd: '/workspace', terminal_id: 't' } },
    });
    for (let line = 1; line <= 100; line += 1) printed(`ok ${line}\n`);
    // Not one record for each line of a test suite.
    expect(shown.length).toBeLessThan(4);
    const exit = { exit_code: 1, signal: null, terminal_id: 't' };
    apply({
      sessionUpdate: 'tool_call_update',
      toolCallId: 't',
      status: 'failed',
      _meta: { terminal_exit: exit },
    });
    items.finish();
    expect(shown.at(-1)?.[1]).toMatchObject({
      title: 'node --test',
      status: 'failed',
      output: expect.stringMatching(/^ok 1\n(ok \d+\n)*ok 100\n$/),
    });
    printed('x'.repeat(99_999));
    items.finish();
    expect(JSON.stringify(shown.at(-1)).length).toBeLessThan(51_000);
  });

  it('loses no end of a message to a tool that prints right after it', () => {
    const { shown, apply, chunk, items } = collect();
    apply({ sessionUpdate: 'tool_call', toolCallId: 't', status: 'in_progress' });
    for (const text of ['I ', 'wait.']) chunk(text);
    const printed = { terminal_output_delta: { data: 'ok\n' } };
    apply({ sessionUpdate: 'tool_call_update', toolCallId: 't', _meta: printed });
    items.finish();
    const last = new Map(shown);
    expect(last.get('message:1')).toMatchObject({ text: 'I wait.' });
    expect(last.get('tool:t')).toMatchObject({ output: 'ok\n' });
  });

  it('makes no message of a chunk without words, to which qwen-code 0.24.4 attaches its usage', () => {
    const { shown, apply } = collect();
    const _meta = { usage: { inputTokens: 1000, outputTokens: 50 }, durationMs: 394 };
    const content = { type: 'text', text: '' };
    apply({ sessionUpdate: 'agent_message_chunk', content, _meta });
    expect(shown).toEqual([]);
  });

  it('caps what a hostile agent says, and ignores what it cannot read', () => {
    const { shown, items, apply, chunk } = collect();
    apply({ sessionUpdate: 'tool_call', toolCallId: 7 });
    apply({ sessionUpdate: 'plan', entries: [{ content: 'x'.repeat(9_999), status: 'pending' }] });
    apply({
      sessionUpdate: 'tool_call',
      toolCallId: 'i'.repeat(9_999),
      title: 't'.repeat(9_999),
      rawInput: 'r'.repeat(99_999),
    });
    chunk('x'.repeat(500_000));
    items.finish();
    for (const [id, body] of shown) expect(id.length + JSON.stringify(body).length).toBeLessThan(201_000);
    expect(shown.map(([id]) => id.slice(0, 6))).toEqual(['plan', 'tool:i', 'messag', 'tool:i']);
  });
});
