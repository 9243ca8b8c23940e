/**
 * The relay from agents to their models: `http://berth.internal/models/<provider>/…`. An agent presents the token of
 * its attempt, which is worthless elsewhere; the relay removes it, adds the server's own key, streams the response
 * back, and records its usage in the ledger. The key is in no response, log or error.
 */
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import type { Readable, Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type BerthError, fail, isBerthError, KINDS, type Usage } from '@berth/contract';
import type { Clock } from '@berth/core';
import type { ModelProvider } from '../../config/config.ts';
import type { FairShare } from '../../system/fair-share.ts';
import { checkModels, modelsIn } from './allowed-models.ts';
import { presentedToken, upstreamHeaders } from './credentials.ts';
import { type Endpoint, findEndpoint, upstreamUrl } from './endpoints.ts';
import { meterEvents, meterWhole } from './metered-stream.ts';
import { createOutages } from './outages.ts';
import { createBodyRoom, createPlaces, holdBody, readBody } from './request-body.ts';
import type { LinkJudge } from './request-links.ts';
import { judgeRequest } from './request-rules.ts';
import { askUpstream, type UpstreamLimits } from './upstream.ts';
import { askForUsage, createUsageCounter, type UsageCounter } from './usage.ts';
import { wireError } from './wire-error.ts';

/** HTTP/1 and HTTP/2 alike. */
export interface RelayRequest extends Readable {
  readonly method?: string | undefined;
  readonly headers: IncomingHttpHeaders;
}
export interface RelayResponse extends Writable {
  readonly headersSent: boolean;
  writeHead(status: number, headers: OutgoingHttpHeaders): unknown;
}

export interface ModelGrant {
  readonly attemptId: string;
  readonly taskId: string;
}

export interface SpentTokens extends ModelGrant {
  readonly provider: string;
  readonly model: string;
  readonly usage: Usage;
  /** Of the response; 502 when the provider aborted it, 499 when the agent disconnected. */
  readonly status: number;
  readonly durationMs: number;
}

export interface ModelRelayDeps {
  readonly providers: Readonly<Record<string, ModelProvider>>;
  /** The grant of a token presented by this sandbox. */
  readonly authorise: (token: string, sandboxId: string) => Promise<ModelGrant | undefined>;
  readonly judgeLinks: LinkJudge;
  readonly ledger: (spent: SpentTokens) => Promise<void>;
  readonly clock: Pick<Clock, 'now'>;
  /** One line per request; never with a credential or content. */
  readonly log: (level: 'info' | 'warn', message: string, facts: Record<string, unknown>) => void;
  readonly limits?: Partial<UpstreamLimits> | undefined;
}

export interface ModelRequestInfo {
  /** What follows `/models/`, with its query: `openai/v1/chat/completions`. */
  readonly path: string;
  readonly sandboxId: string;
}

export interface ModelRelay {
  /** Never rejects. */
  handle(request: RelayRequest, response: RelayResponse, asked: ModelRequestInfo): Promise<void>;
}

const LIMITS: UpstreamLimits = { connectMs: 10_000, firstByteMs: 600_000, idleMs: 300_000 };
const STATUS_CUT = 502;
const STATUS_AGENT_GONE = 499;
/** Agents retry for a long time after a 5xx, which does not help with a rejected key or a lasting outage. */
const STATUS_FINAL = 424;
/** Long enough for running requests to be sent. */
const RETRY_AFTER_S = 5;

export const createModelRelay = (parts: ModelRelayDeps): ModelRelay => {
  const deps = { ...parts, room: createBodyRoom(), places: createPlaces() };
  const outages = createOutages(deps.clock);
  return {
    async handle(request, response, { path, sandboxId }) {
      const asked = readPath(path);
      const provider = Object.hasOwn(deps.providers, asked.name) ? deps.providers[asked.name] : undefined;
      let grant: ModelGrant | undefined;
      try {
        grant = await authorised(deps, request, { query: asked.query, sandboxId });
        if (provider === undefined) throw fail('model.unconfigured', { provider: asked.name });
        const endpoint = findEndpoint(provider.wire, request.method, asked.path);
        if (endpoint === undefined)
          throw fail('request.unknown_route', { method: request.method ?? '', path: asked.path });
        await relay(deps, { ...asked, sandboxId, request, response, grant, provider, endpoint });
        outages.answered(grant.attemptId);
      } catch (error) {
        const isOutage = !isBerthError(error) && !response.destroyed;
        const isFinal = isOutage && grant !== undefined && outages.failed(grant.attemptId);
        refuse(response, provider?.wire ?? 'openai', refusalOf(asked.name, error, isFinal));
      }
    },
  };
};

const readPath = (path: string) => {
  const [whole = '', query = ''] = path.split('?', 2);
  const [, name = '', rest = ''] = /^\/*([^/]+)(\/.*)?$/.exec(whole) ?? [];
  return { name, path: rest, query: new URLSearchParams(query) };
};

const authorised = async (
  deps: ModelRelayDeps,
  request: RelayRequest,
  { query, sandboxId }: { readonly query: URLSearchParams; readonly sandboxId: string },
): Promise<ModelGrant> => {
  const token = presentedToken(request.headers, query);
  const grant = token === undefined ? undefined : await deps.authorise(token, sandboxId);
  if (grant === undefined) throw fail('auth.required', {});
  return grant;
};

type RelayDeps = ModelRelayDeps & { readonly room: FairShare; readonly places: FairShare };

interface Passage {
  readonly sandboxId: string;
  readonly request: RelayRequest;
  readonly response: RelayResponse;
  readonly grant: ModelGrant;
  readonly name: string;
  readonly provider: ModelProvider;
  readonly endpoint: Endpoint;
  readonly query: URLSearchParams;
}

const relay = async (deps: RelayDeps, passage: Passage): Promise<void> => {
  const { request, response, name, provider, endpoint } = passage;
  const startedAt = deps.clock.now();
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const counter = createUsageCounter(provider.wire);
  let status: number = KINDS.unavailable.status;
  let brokeOff = false;
  let release = (): void => undefined;
  let leave = release;
  let dropped: readonly string[] = [];
  try {
    leave = await deps.places.take(passage.grant.attemptId, 1, gone.signal);
    const { body, hide, ...held } = await outgoing(deps, passage, gone.signal);
    ({ release, dropped } = held);
    const answer = await askUpstream(
      {
        url: upstreamUrl(provider.baseUrl, endpoint, passage.query),
        method: request.method ?? 'POST',
        headers: { ...upstreamHeaders(request.headers, provider), ...formOf(endpoint, body) },
        body,
        signal: gone.signal,
        onSent: release,
      },
      { ...LIMITS, ...deps.limits },
    );
    status = answer.statusCode ?? STATUS_CUT;
    refuseUnusable(name, status, answer);
    answer.once('error', () => {
      brokeOff = !gone.signal.aborted;
    });
    response.writeHead(status, downstreamHeaders(answer.headers));
    await pipeline(answer, meterFor(answer, counter, hide), response);
  } catch (error) {
    if (brokeOff) status = STATUS_CUT;
    else if (gone.signal.aborted) status = STATUS_AGENT_GONE;
    else if (isBerthError(error) && error.kind !== 'unavailable') status = KINDS[error.kind].status;
    throw error;
  } finally {
    release();
    leave();
    await settle(deps, passage, { counter, status, dropped, durationMs: deps.clock.now() - startedAt });
  }
};

interface Outgoing {
  readonly body: Buffer;
  readonly hide: (data: unknown) => boolean;
  /** What was removed. */
  readonly dropped: readonly string[];
  readonly release: () => void;
}

const NOTHING = Buffer.alloc(0);

const outgoing = async (deps: RelayDeps, passage: Passage, signal: AbortSignal): Promise<Outgoing> => {
  const { request, endpoint, grant, name, provider, sandboxId } = passage;
  if (endpoint.table === undefined)
    return { body: NOTHING, hide: () => false, dropped: [], release: () => undefined };
  const { bytes, release } = await holdBody(request, { room: deps.room, owner: grant.attemptId, signal });
  try {
    const { request: judged, links, dropped } = judgeRequest(endpoint.table, readBody(bytes));
    checkModels({ name, provider, models: [endpoint.model, ...modelsIn(judged)] });
    await deps.judgeLinks({ sandboxId, links, provider });
    const asked = endpoint.isChat ? askForUsage(judged) : { request: judged, hide: () => false };
    return { body: Buffer.from(JSON.stringify(asked.request)), hide: asked.hide, dropped, release };
  } catch (error) {
    release();
    throw error;
  }
};

const formOf = ({ table }: Endpoint, body: Buffer): OutgoingHttpHeaders =>
  table === undefined ? {} : { 'content-type': 'application/json', 'content-length': body.length };

/** A redirect could leak the key; a rejection of our key is nothing an agent can fix, nor its business. */
const refuseUnusable = (provider: string, status: number, answer: IncomingMessage): void => {
  const detail =
    status === 401 || status === 403
      ? `it rejects this server's key (${status})`
      : status >= 300 && status < 400
        ? `it redirects (${status}), which is not followed`
        : undefined;
  if (detail === undefined) return;
  answer.destroy();
  throw fail('model.unavailable', { provider, detail });
};

const meterFor = (
  answer: IncomingMessage,
  counter: UsageCounter,
  hide: (data: unknown) => boolean,
): Transform =>
  /^text\/event-stream\b/i.test(answer.headers['content-type'] ?? '')
    ? meterEvents(counter, hide)
    : meterWhole(counter);

/** Headers that clients need: content type and retry time. Cookies and the like are dropped. */
const PASSED_BACK =
  /^(?:content-type|cache-control|retry-after(?:-ms)?|x-should-retry|x-request-id|request-id|(?:x|anthropic)-ratelimit-[\w-]+)$/;

const downstreamHeaders = (headers: IncomingHttpHeaders): OutgoingHttpHeaders =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => PASSED_BACK.test(name)));

interface Done {
  readonly counter: UsageCounter;
  readonly status: number;
  readonly dropped: readonly string[];
  readonly durationMs: number;
}

/** In a line of the log. */
const MOST_NAMED = 10;

const settle = async (
  deps: ModelRelayDeps,
  { grant, name, endpoint }: Passage,
  done: Done,
): Promise<void> => {
  const { usage, model = endpoint.model ?? 'unknown' } = done.counter.counted();
  const { status, durationMs } = done;
  const less = done.dropped.length === 0 ? {} : { dropped: done.dropped.slice(0, MOST_NAMED) };
  deps.log('info', 'model.request', {
    provider: name,
    model,
    status,
    durationMs,
    ...usage,
    ...less,
    ...grant,
  });
  if (!endpoint.generates) return;
  try {
    await deps.ledger({ ...grant, provider: name, model, usage, status, durationMs });
  } catch (error) {
    // The response has been sent; a ledger entry is lost, and the operator must know.
    deps.log('warn', 'model.ledger_failed', { provider: name, error: String(error), ...grant });
  }
};

interface Refusal {
  readonly error: BerthError;
  readonly status: number;
}

/** The relay's own errors are final; network errors may be transient, for a while. */
const refusalOf = (provider: string, error: unknown, isFinal: boolean): Refusal =>
  isBerthError(error)
    ? { error, status: error.kind === 'unavailable' ? STATUS_FINAL : KINDS[error.kind].status }
    : { error: unavailable(provider, error), status: isFinal ? STATUS_FINAL : KINDS.unavailable.status };

const refuse = (response: RelayResponse, wire: ModelProvider['wire'], { error, status }: Refusal): void => {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const retry = error.code === 'server.busy' ? { 'retry-after': String(RETRY_AFTER_S) } : {};
  response.writeHead(status, { 'content-type': 'application/json', ...retry });
  response.end(wireError(wire, status, error));
};

const unavailable = (provider: string, error: unknown): BerthError =>
  fail(
    'model.unavailable',
    { provider, detail: error instanceof Error ? (codeOf(error) ?? error.message) : 'unknown' },
    { cause: error },
  );

/** Network error messages contain the operator's addresses; the code is enough. */
const codeOf = (error: Error): string | undefined =>
  'code' in error && typeof error.code === 'string' ? error.code : undefined;
