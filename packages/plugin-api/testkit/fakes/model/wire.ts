/** Common to the four API formats: a conversation in, an answer out. */
import type { ScriptedUsage } from './script.ts';

/** Reads JSON of unknown shape: each reader returns an empty value for anything unexpected. */
export type Loose = Readonly<Record<string, unknown>>;

export const record = (value: unknown): Loose =>
  // A JSON object is a record of unknown values by construction.
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Loose) : {};

export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

export const records = (value: unknown): readonly Loose[] => list(value).map(record);

export const string = (value: unknown): string => (typeof value === 'string' ? value : '');

/** The text of a message content: a string, a part with `text`, or a list of those. */
export const textOf = (content: unknown): string => {
  if (typeof content === 'string') return content;
  if (Array.isArray(content)) return content.map(textOf).join('\n');
  return string(record(content).text);
};

export interface OfferedTool {
  readonly name: string;
  readonly schema: Loose;
  /** Takes free text instead of JSON (Responses: `custom`). */
  readonly freeform: boolean;
}

export interface ConversationItem {
  /** Set when a user (or the orchestrator) wrote it. */
  readonly user?: string | undefined;
  readonly text: string;
  /** Ids of the model's tool calls here; an empty id where the format has none. */
  readonly callIds: readonly string[];
}

export interface Conversation {
  readonly tools: readonly OfferedTool[];
  readonly items: readonly ConversationItem[];
}

export type ToolCall =
  | { readonly id: string; readonly name: string; readonly kind: 'json'; readonly args: Loose }
  | { readonly id: string; readonly name: string; readonly kind: 'freeform'; readonly input: string };

/** One answer, ready to be sent. */
export interface Reply {
  readonly model: string;
  readonly text: string;
  readonly calls: readonly ToolCall[];
  readonly usage: ScriptedUsage;
  /** For side requests that require JSON by a schema. */
  readonly jsonSchema?: Loose | undefined;
}

/** A server-sent event, or the point where a scripted cut closes the connection. */
export type StreamPart = { readonly event?: string; readonly data: unknown } | 'cut-here';

export interface Wire {
  readonly name: 'chat' | 'responses' | 'messages' | 'gemini';
  read(body: Loose): Conversation;
  whole(reply: Reply): unknown;
  /** `includeUsage` is from the request (`stream_options`); only Chat Completions asks. */
  stream(reply: Reply, includeUsage: boolean): Iterable<StreamPart>;
}

const PIECE_CHARACTERS = 24;

export const pieces = (text: string): readonly string[] =>
  text.match(new RegExp(`[\\s\\S]{1,${PIECE_CHARACTERS}}`, 'g')) ?? [];

export const argumentsOf = (call: ToolCall): string =>
  call.kind === 'json' ? JSON.stringify(call.args) : call.input;
