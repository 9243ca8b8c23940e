/**
 * A program that speaks ACP and follows keywords in the prompt: for tests of the client. It is written against the
 * protocol, without the SDK, so that both sides cannot share a mistake.
 */
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

interface Message {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: unknown;
  readonly error?: { readonly code: number };
}

const mode = process.argv[2] ?? '';
const send = (message: object): void =>
  void process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const update = (body: object): void =>
  send({ method: 'session/update', params: { sessionId: 's1', update: body } });
const say = (text: string): void =>
  update({ sessionUpdate: 'agent_message_chunk', content: { type: 'text', text } });
const threadIs = (type: string): void =>
  update({ sessionUpdate: 'session_info_update', _meta: { codex: { threadStatus: { type } } } });
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

let asked = 0;
const waiting = new Map<unknown, (answer: Message) => void>();
const ask = (method: string, params: object): Promise<Message> => {
  asked += 1;
  const id = `q${asked}`;
  send({ id, method, params });
  return new Promise((resolve) => waiting.set(id, resolve));
};

const OPTIONS = [
  { optionId: 'always', name: 'Always', kind: 'allow_always' },
  { optionId: 'yes', name: 'Yes', kind: 'allow_once' },
  { optionId: 'no', name: 'No', kind: 'reject_once' },
];

const acts: Record<string, () => Promise<string | undefined>> = {
  async work() {
    say('I ');
    await pause(600);
    say('work.');
    const tool = { toolCallId: 'c1', title: 'write', kind: 'edit', status: 'pending' };
    update({ sessionUpdate: 'tool_call', ...tool });
    const permission = await ask('session/request_permission', {
      sessionId: 's1',
      toolCall: tool,
      options: OPTIONS,
    });
    const files = await ask('fs/write_text_file', { sessionId: 's1', path: '/etc/owned', content: 'x' });
    writeFileSync('made.txt', JSON.stringify({ permission: permission.result, files: files.error?.code }));
    update({ sessionUpdate: 'tool_call_update', toolCallId: 'c1', status: 'completed' });
    update({ sessionUpdate: 'unheard_of', things: [] });
    send({ method: '_vendor/status', params: { all: 'well' } });
    send({ id: 999, result: 'an answer to nothing' });
    say('Done.');
    return 'end_turn';
  },
  async wait() {
    writeFileSync('waiting.txt', '');
    return undefined;
  },
  async tool() {
    update({
      sessionUpdate: 'tool_call',
      toolCallId: 'c1',
      title: 'sleep',
      kind: 'execute',
      status: 'in_progress',
    });
    await pause(1_500);
    return 'end_turn';
  },
  async crash() {
    process.stderr.write('out of cheese\n');
    process.exit(7);
  },
  // As codex-acp 2.6.0 does: a passing message, then a normal end, with the usage of the earlier requests.
  async 'quietly-fail'() {
    say('Warning: Model metadata for `m` not found. Defaulting to fallback metadata.\n\n');
    threadIs('active');
    threadIs('systemError');
    say('unexpected status 404 Not Found: The model `m` does not exist, url: http://models\n\n');
    return 'end_turn';
  },
  async 'fail-wordless'() {
    say('I begin.');
    threadIs('systemError');
    return 'end_turn';
  },
  async refuse() {
    return 'refusal';
  },
};

let promptId: unknown;
const answer = async ({ id, method, params }: Message): Promise<void> => {
  if (method === 'initialize')
    send({
      id,
      result: { protocolVersion: 1, agentCapabilities: { sessionCapabilities: { resume: {} } } },
    });
  else if (method === 'session/new' && mode === 'login')
    send({ id, error: { code: -32000, message: 'log in' } });
  else if (method === 'session/new') send({ id, result: { sessionId: 's1' } });
  else if (method === 'session/resume' && params?.sessionId === 's1') send({ id, result: {} });
  else if (method === 'session/resume') send({ id, error: { code: -32002, message: 'no such session' } });
  else if (method === 'session/cancel' && mode !== 'stubborn')
    send({ id: promptId, result: { stopReason: 'cancelled' } });
  else if (method === 'session/prompt') {
    promptId = id;
    const prompt = params?.prompt as readonly { readonly text: string }[];
    const stopReason = await acts[prompt[0]?.text ?? '']?.();
    if (stopReason !== undefined)
      send({ id, result: { stopReason, usage: { inputTokens: 5, outputTokens: 3 } } });
  }
};

if (mode === 'noisy') process.stdout.write('Welcome!\n{"not": "the protocol"}\n');
if (mode !== 'silent')
  createInterface({ input: process.stdin }).on('line', (line) => {
    const message = JSON.parse(line) as Message;
    const resolve = waiting.get(message.id);
    if (message.method === undefined && resolve !== undefined) resolve(message);
    else void answer(message);
  });
// Exits only when killed.
if (mode === 'silent' || mode === 'stubborn') setInterval(() => undefined, 60_000);
