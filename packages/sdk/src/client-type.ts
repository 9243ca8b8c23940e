/**
 * The client's type, computed from the routes: `task.create` is `client.tasks.create(input, options)`. The input is
 * one flat object of path parameters, query and body; the result type follows from the route's response.
 */
import type { NounOf, PLURALS, Route, RouteId, RouteOf, VerbOf } from '@berth/contract';
import type { z } from 'zod';
import type { Follow } from './follow.ts';
import type { CallLimits } from './silence.ts';

export interface TransportInit {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly signal?: AbortSignal;
}

/** The part of a `Response` that is used. */
export type TransportAnswer = Pick<Response, 'ok' | 'status' | 'body'>;

/** `fetch` is assignable to it. */
export type Transport = (url: URL, init: TransportInit) => Promise<TransportAnswer>;

export interface ClientOptions {
  /** `http://127.0.0.1:8080`; with `@berth/sdk/node` also `unix:/path/of/berth.sock`. */
  readonly address: string;
  readonly token?: string | undefined;
  /** The transport; the platform's own `fetch` when absent. */
  readonly fetch?: Transport | undefined;
  /** How long to wait for a silent server; `CALL_LIMITS` when absent. */
  readonly limits?: CallLimits | undefined;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** A create repeated with the same key returns the first result. */
  readonly idempotencyKey?: string | undefined;
}

type Fields<R, Part extends 'params' | 'query' | 'body'> = R extends {
  [P in Part]: infer S extends z.ZodType;
}
  ? Known<z.infer<S>>
  : unknown;

/** A schema without fields forbids all names; intersected with others, it must forbid none of theirs. */
type Known<T> = string extends keyof T ? unknown : T;

type Flat<T> = { [K in keyof T]: T[K] };

/** Distributes over routes, so that only fields of the same route are intersected. */
export type InputOf<R> = R extends unknown
  ? Flat<
      Fields<R, 'params'> &
        Fields<R, 'query'> &
        Fields<R, 'body'> &
        (R extends { bytesIn: true } ? { readonly bytes: Uint8Array } : unknown)
    >
  : never;

type Returned<R> = R extends { returns: infer S extends z.ZodType } ? z.infer<S> : never;
type AnswerOf<R> = R extends { answers: infer A } ? A : 'json';

/** Event streams resume by themselves, so the `lagged` notice of the event log never reaches the reader. */
export type OutputOf<R> = {
  json: Promise<Returned<R>>;
  text: Promise<string>;
  bytes: Promise<Uint8Array>;
  events: AsyncIterable<Exclude<Returned<R>, { lagged: true }>>;
  socket: WebSocket;
}[AnswerOf<R> & ('json' | 'text' | 'bytes' | 'events' | 'socket')];

type Method<R> =
  Record<string, never> extends InputOf<R>
    ? (input?: InputOf<R>, options?: CallOptions) => OutputOf<R>
    : (input: InputOf<R>, options?: CallOptions) => OutputOf<R>;

export type RouteMethods = {
  readonly [Noun in NounOf<RouteId> as (typeof PLURALS)[Noun]]: {
    readonly [Id in Extract<Route['id'], `${Noun}.${string}`> as VerbOf<Id>]: Method<RouteOf<Id>>;
  };
};

export type Client = RouteMethods & { readonly tasks: { readonly follow: Follow } };
