/**
 * Turns updates of an agent into items of the conversation: upserts by an id that is stable across replays. Chunks of
 * a message are merged and emitted at most ten times a second; the last state is always emitted. Sizes are capped: an
 * agent may say as much as it likes, only what a reader can use is kept.
 */
import type { ItemBody } from '@berth/contract';
import type { Timers } from './end-process.ts';
import type { ToolUpdate, Update } from './update.ts';

export interface Items {
  apply(update: Update): void;
  tool(update: ToolUpdate): void;
  add(id: string, body: ItemBody): void;
  toolsInFlight(): number;
  /** The turn has failed: what the agent says from now on is the reason. */
  fail(): void;
  /** The reason, once the turn has failed. */
  failure(): string | undefined;
  /** Emits what was held back, and marks tools that will never finish. */
  finish(): void;
}

type ToolItem = Extract<ItemBody, { kind: 'tool' }>;

const SHOW_EVERY_MS = 100;
const MAX_TEXT_CHARACTERS = 200_000;
const MAX_PRINTED_CHARACTERS = 50_000;
const MAX_INPUT_CHARACTERS = 50_000;
const MAX_TITLE_CHARACTERS = 500;
const MAX_ID_CHARACTERS = 200;
const MAX_ITEMS = 5_000;

export const createItems = (emit: (id: string, body: ItemBody) => void, timers: Timers): Items => {
  const tools = new Map<string, ToolItem>();
  const openTools = new Set<string>();
  const show = createThrottle(emit, timers);
  let speech: { id: string; kind: 'message' | 'thought'; key: string; text: string } | undefined;
  let reason: string | undefined;
  let speeches = 0;

  const say = (kind: 'message' | 'thought', key: string, more: string) => {
    // Some agents attach their usage to an empty chunk.
    if (more === '') return;
    if (speech === undefined || speech.kind !== kind || speech.key !== key) {
      show.now();
      speeches += 1;
      speech = { id: `${kind}:${speeches}`, kind, key, text: '' };
    }
    if (kind === 'message' && reason !== undefined) reason = joined(reason, more);
    if (isFull(speech.text)) return;
    speech.text = joined(speech.text, more);
    if (speeches > MAX_ITEMS) return;
    const { id, text } = speech;
    show.soon(id, kind === 'message' ? { kind, role: 'agent', text } : { kind, text });
  };

  const tool = (update: ToolUpdate) => {
    speech = undefined;
    const id = `tool:${update.toolCallId.slice(0, MAX_ID_CHARACTERS)}`;
    if (!tools.has(id) && tools.size >= MAX_ITEMS) return;
    const body = merged(tools.get(id), update);
    tools.set(id, body);
    if (isOpen(body)) openTools.add(id);
    else openTools.delete(id);
    if (isOutputOnly(update)) return show.soon(id, body);
    show.now();
    emit(id, body);
  };

  return {
    tool,
    apply(update) {
      switch (update.sessionUpdate) {
        case 'agent_message_chunk':
          return say('message', update.messageId ?? '', textOf(update.content));
        case 'agent_thought_chunk':
          return say('thought', update.messageId ?? '', textOf(update.content));
        case 'tool_call':
        case 'tool_call_update':
          return tool(update);
        case 'plan':
          return emit('plan', planOf(update.entries));
      }
    },
    add: (id, body) => {
      speech = undefined;
      show.now();
      emit(id.slice(0, MAX_ID_CHARACTERS), body);
    },
    toolsInFlight: () => openTools.size,
    fail: () => {
      speech = undefined;
      reason = '';
    },
    failure: () => (reason === '' ? 'The agent gives no reason.' : reason?.trim()),
    finish() {
      show.now();
      for (const [id, body] of tools) if (isOpen(body)) emit(id, { ...body, status: 'failed' });
    },
  };
};

const planOf = (entries: Extract<Update, { sessionUpdate: 'plan' }>['entries']): ItemBody => ({
  kind: 'plan',
  entries: entries.slice(0, 200).map(({ content, status }) => ({
    text: content.slice(0, MAX_TITLE_CHARACTERS),
    status: status.slice(0, 50),
  })),
});

/** Emits at most one change of an item per interval; `now` emits the newest. */
const createThrottle = (emit: (id: string, body: ItemBody) => void, timers: Timers) => {
  let held: { id: string; body: ItemBody } | undefined;
  let shownAt = Number.NEGATIVE_INFINITY;
  let forget: (() => void) | undefined;
  const now = () => {
    forget?.();
    forget = undefined;
    if (held === undefined) return;
    const { id, body } = held;
    held = undefined;
    shownAt = timers.now();
    emit(id, body);
  };
  return {
    now,
    soon(id: string, body: ItemBody) {
      if (held !== undefined && held.id !== id) now();
      const waiting = held !== undefined;
      held = { id, body };
      const leftMs = shownAt + SHOW_EVERY_MS - timers.now();
      if (leftMs <= 0) now();
      else if (!waiting) forget = timers.after(leftMs, now);
    },
  };
};

const STATUSES: Readonly<Record<string, ToolItem['status']>> = {
  pending: 'pending',
  in_progress: 'running',
  completed: 'completed',
  failed: 'failed',
};

const merged = (before: ToolItem | undefined, update: ToolUpdate): ToolItem => {
  const name = update.kind ?? before?.tool;
  const input = update.rawInput === undefined ? before?.input : cappedInput(update.rawInput);
  const output = outputAfter(before?.output, update);
  const paths =
    update.locations == null ? before?.paths : update.locations.map((one) => one.path).slice(0, 50);
  return {
    kind: 'tool',
    title: (update.title ?? before?.title ?? name ?? 'tool').slice(0, MAX_TITLE_CHARACTERS),
    status: STATUSES[update.status ?? ''] ?? before?.status ?? 'pending',
    ...(name == null ? {} : { tool: name.slice(0, 100) }),
    ...(input === undefined ? {} : { input }),
    ...(output === undefined ? {} : { output }),
    ...(paths === undefined ? {} : { paths }),
  };
};

const isOpen = (tool: ToolItem): boolean => tool.status === 'pending' || tool.status === 'running';

/** A terminal's output is only known from what the agent reports; its reference in the content carries none. */
const outputAfter = (before: string | undefined, { content, _meta }: ToolUpdate): string | undefined => {
  const printed = (_meta?.terminal_output_delta ?? _meta?.terminal_output)?.data;
  if (printed !== undefined) return tailOfPrinted(`${before ?? ''}${printed}`);
  return content == null || content.some(({ type }) => type === 'terminal') ? before : outputOf(content);
};

/** Trimming copies the rest, so it is amortised over as many characters as it copies. */
const tailOfPrinted = (text: string): string =>
  text.length > 2 * MAX_PRINTED_CHARACTERS ? text.slice(-MAX_PRINTED_CHARACTERS) : text;

const isOutputOnly = ({ title, kind, status, content, locations, rawInput, _meta }: ToolUpdate): boolean =>
  (_meta?.terminal_output_delta ?? _meta?.terminal_output) !== undefined &&
  [title, kind, status, content, locations, rawInput].every((said) => said == null);

const outputOf = (content: NonNullable<ToolUpdate['content']>): string =>
  capped(
    content
      .map((part) => {
        if ('content' in part) return textOf(part.content);
        return 'path' in part ? `(changed ${part.path})` : '';
      })
      .filter((text) => text !== '')
      .join('\n'),
  );

const textOf = (content: { type: string } | { type: 'text'; text: string }): string =>
  'text' in content ? content.text : '';

const cappedInput = (input: unknown): unknown =>
  (JSON.stringify(input) ?? '').length > MAX_INPUT_CHARACTERS ? '(too large to show)' : input;

const isFull = (text: string): boolean => text.length > MAX_TEXT_CHARACTERS;

const capped = (text: string): string => (isFull(text) ? `${text.slice(0, MAX_TEXT_CHARACTERS)}…` : text);

/** A full text is left as it is: trimming it for every chunk would cost its length each time. */
const joined = (text: string, more: string): string => (isFull(text) ? text : capped(text + more));
