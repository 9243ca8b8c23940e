/**
 * A model endpoint that answers from scripts (`script.ts`) in four API formats, streamed and not. It lets real agents
 * run without a model: in tests, in the demo, offline.
 *
 *   POST …/chat/completions · …/responses · …/messages · …/models/M:generateContent, :streamGenerateContent
 *   POST …/messages/count_tokens, :countTokens · GET …/models
 */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fail } from '@berth/contract';
import { chatWire } from './chat.ts';
import { geminiWire } from './gemini.ts';
import { messagesWire } from './messages.ts';
import { callId, type Plan, planAnswer } from './plan.ts';
import { responsesWire } from './responses.ts';
import { DEFAULT_SCRIPTS, DEFAULT_USAGE, type Scripts } from './script.ts';
import { toolCall } from './tools.ts';
import { type Conversation, type Loose, type Reply, record, string, type Wire } from './wire.ts';

export interface ScriptedModelOptions {
  readonly scripts?: Scripts | undefined;
  /** Default: a free port. */
  readonly port?: number | undefined;
  /** Listen on a Unix socket instead of a port of 127.0.0.1. */
  readonly socketPath?: string | undefined;
  /** Answer 401 unless this key is presented as the API format requires. */
  readonly requireKey?: string | undefined;
}

/** One request. Only header names of credentials are kept. */
export interface ModelRequest {
  readonly wire: Wire['name'] | undefined;
  readonly path: string;
  readonly model: string;
  readonly script: string;
  readonly turn: number;
  readonly stream: boolean;
  readonly tools: readonly string[];
  readonly credentials: readonly string[];
  readonly refused: boolean;
}

export interface ScriptedModel {
  /** `http://127.0.0.1:<port>`, or `unix:<path>`; wire paths such as `/v1/chat/completions` follow. */
  readonly url: string;
  readonly log: readonly ModelRequest[];
  close(): Promise<void>;
}

const MAX_BODY_BYTES = 32 * 2 ** 20;

export const startScriptedModel = async (options: ScriptedModelOptions = {}): Promise<ScriptedModel> => {
  const log: ModelRequest[] = [];
  const desk: Desk = {
    scripts: options.scripts ?? DEFAULT_SCRIPTS,
    requireKey: options.requireKey,
    log,
    errorsGiven: new Map(),
  };
  const server = createServer((request, response) => {
    answer(desk, request, response).catch((error: unknown) => failed(response, error));
  });
  const { socketPath, port = 0 } = options;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    if (socketPath === undefined) server.listen(port, '127.0.0.1', resolve);
    else server.listen(socketPath, resolve);
  });
  return {
    url:
      socketPath === undefined
        ? `http://127.0.0.1:${(server.address() as AddressInfo).port}` // a TCP server has a TCP address
        : `unix:${socketPath}`,
    log,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};

interface Desk {
  readonly scripts: Scripts;
  readonly requireKey: string | undefined;
  readonly log: ModelRequest[];
  readonly errorsGiven: Map<string, number>;
}

const answer = async (desk: Desk, request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const path = url.pathname.replace(/(?<!\/)\/+$/, '');
  const wire = request.method === 'POST' ? wireOf(path) : undefined;
  const body = record(await readJson(request));
  const conversation = wire?.read(body);
  const plan = conversation === undefined ? undefined : planAnswer(conversation, desk.scripts);
  const refused = desk.requireKey !== undefined && !presents(desk.requireKey, request, url);
  const stream = body.stream === true || /:stream/i.test(path);
  const model = string(body.model) || (/models\/([^:/]+):/.exec(path)?.[1] ?? 'scripted');
  desk.log.push({
    wire: wire?.name,
    path,
    model,
    script: plan?.script ?? '',
    turn: plan?.turn ?? -1,
    stream,
    tools: conversation?.tools.map((tool) => tool.name) ?? [],
    credentials: Object.keys(request.headers).filter((name) => /authorization|api-key/.test(name)),
    refused,
  });
  if (refused) return sendError(response, 401, 'The key is not valid.');
  if (wire === undefined || conversation === undefined || plan === undefined)
    return sendOther(response, path);
  if (await misbehaved(desk, plan, response)) return;
  const reply = replyOf(plan, conversation, { model, body });
  if (!stream) return sendJson(response, 200, wire.whole(reply));
  const includeUsage = record(body.stream_options).include_usage === true;
  await sendStream(response, wire.stream(reply, includeUsage), plan.answer);
};

const wireOf = (path: string): Wire | undefined => {
  if (path.endsWith('/chat/completions')) return chatWire;
  if (path.endsWith('/responses')) return responsesWire;
  if (path.endsWith('/messages')) return messagesWire;
  return /:(stream)?generateContent$/i.test(path) ? geminiWire : undefined;
};

const replyOf = (plan: Plan, conversation: Conversation, asked: { model: string; body: Loose }): Reply => {
  const generation = record(asked.body.generationConfig);
  const wantsJson = plan.turn < 0 && generation.responseMimeType === 'application/json';
  return {
    model: asked.model,
    text: plan.answer.text ?? '',
    calls: (plan.answer.calls ?? []).map((call, index) =>
      toolCall(
        call,
        { tools: conversation.tools, cwd: plan.cwd },
        callId(plan.turn, index, randomBytes(6).toString('hex')),
      ),
    ),
    usage: { ...DEFAULT_USAGE, ...definedOf(plan.answer.usage ?? {}) },
    jsonSchema: wantsJson ? record(generation.responseJsonSchema ?? generation.responseSchema) : undefined,
  };
};

const definedOf = (usage: Readonly<Record<string, number | undefined>>): Record<string, number> =>
  Object.fromEntries(
    Object.entries(usage).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  );

/** Delays, and injects the scripted fault; true when the request was answered or never will be. */
const misbehaved = async (desk: Desk, plan: Plan, response: ServerResponse): Promise<boolean> => {
  const { delayMs, hang, error } = plan.answer;
  if (delayMs !== undefined) await sleep(delayMs);
  if (hang === true) return true;
  if (error === undefined) return false;
  const key = `${plan.script}#${plan.turn}`;
  const given = (desk.errorsGiven.get(key) ?? 0) + 1;
  desk.errorsGiven.set(key, given);
  if (given > (error.times ?? Number.POSITIVE_INFINITY)) return false;
  sendError(response, error.status, error.message ?? 'A scripted error.');
  return true;
};

const sendStream = async (
  response: ServerResponse,
  parts: ReturnType<Wire['stream']>,
  { cut, pieceDelayMs }: Plan['answer'],
): Promise<void> => {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  for (const part of parts) {
    if (response.destroyed) return;
    if (part === 'cut-here') {
      if (cut !== true) continue;
      response.destroy();
      return;
    }
    const data = typeof part.data === 'string' ? part.data : JSON.stringify(part.data);
    await written(response, `${part.event === undefined ? '' : `event: ${part.event}\n`}data: ${data}\n\n`);
    if (pieceDelayMs !== undefined) await sleep(pieceDelayMs);
  }
  response.end();
};

/** Waits for the bytes to be sent, so that a cut comes after the preceding text. */
const written = (response: ServerResponse, text: string): Promise<void> =>
  new Promise((resolve) => response.write(text, () => resolve()));

/** Token counts, the list of models and liveness checks. */
const sendOther = (response: ServerResponse, path: string): void => {
  const { input } = DEFAULT_USAGE;
  if (/count_?tokens$/i.test(path)) sendJson(response, 200, { input_tokens: input, totalTokens: input });
  else if (path.endsWith('/models')) sendJson(response, 200, MODELS);
  else if (path === '') sendJson(response, 200, {});
  else sendError(response, 404, `Not scripted: ${path}`);
};

const MODELS = {
  object: 'list',
  data: [{ id: 'scripted', object: 'model', created: 0, owned_by: 'scripted' }],
  models: [],
};

const presents = (key: string, request: IncomingMessage, url: URL): boolean =>
  request.headers.authorization === `Bearer ${key}` ||
  request.headers['x-api-key'] === key ||
  request.headers['x-goog-api-key'] === key ||
  url.searchParams.get('key') === key;

const readJson = async (request: IncomingMessage): Promise<unknown> => {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request) {
    sizeBytes += chunk.length;
    if (sizeBytes > MAX_BODY_BYTES) throw fail('request.too_large', { limitBytes: MAX_BODY_BYTES });
    chunks.push(chunk);
  }
  return sizeBytes === 0 ? {} : JSON.parse(Buffer.concat(chunks).toString('utf8'));
};

const sendJson = (response: ServerResponse, status: number, body: unknown): void => {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
};

const sendError = (response: ServerResponse, status: number, message: string): void =>
  sendJson(response, status, {
    type: 'error',
    error: { type: status === 529 ? 'overloaded_error' : 'scripted_error', message, code: status },
  });

const failed = (response: ServerResponse, error: unknown): void => {
  if (response.headersSent) response.destroy();
  else sendError(response, 500, error instanceof Error ? error.message : String(error));
};
