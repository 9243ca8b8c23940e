/**
 * Handler types, derived from the contract's routes: a missing handler, a wrong parameter or a response of another
 * shape does not compile. Everything in a call has been validated; handlers contain no HTTP.
 */
import type { Role, RouteId, RouteOf, RouteShape } from '@berth/contract';
import type { z } from 'zod';

export interface Caller {
  readonly tokenId: string;
  readonly name: string;
  readonly role: Role;
  /** Aborted when the token is revoked or expires: its streams and sockets end. */
  readonly gone: AbortSignal;
}

type Said<R, Part extends 'params' | 'query' | 'body'> = R extends {
  readonly [P in Part]: infer S extends z.ZodType;
}
  ? z.infer<S>
  : Record<string, never>;

interface Call<R extends RouteShape> {
  readonly params: Said<R, 'params'>;
  readonly query: Said<R, 'query'>;
  readonly body: R extends { readonly bytesIn: true } ? AsyncIterable<Uint8Array> : Said<R, 'body'>;
  readonly caller: R['role'] extends 'public' ? undefined : Caller;
  /** Aborted when the client disconnects, its token is revoked or expires, or the server stops. */
  readonly signal: AbortSignal;
  readonly requestId: string;
  /**
   * For a create with an `Idempotency-Key`: the id for the new record, which already exists when this is a repeat.
   */
  readonly recordId?: string | undefined;
  /** The `Last-Event-ID` header of a reconnecting reader. */
  readonly lastEventId: string | undefined;
}

/** A stream that writes its own preformatted text instead of yielding values. */
export type SseProgram = (client: SseClient) => Promise<void>;

export interface SseClient {
  /** Preformatted text, as bytes shared by many clients. */
  send(text: Uint8Array): void;
  /** Bytes not yet taken by the client. */
  waitingBytes(): number;
  /** Resolves when the client has taken the sent data, or disconnected. */
  drained(): Promise<void>;
  /** Aborted when the stream is over for any reason. */
  readonly signal: AbortSignal;
  end(): void;
}

/** One WebSocket client. */
export interface ClientSocket {
  /** Binary frames as bytes, text frames as strings; ends when the client disconnects. */
  readonly incoming: AsyncIterable<Uint8Array | string>;
  /** Resolves when more can be sent. */
  send(data: Uint8Array | string): Promise<void>;
  close(code: number, reason: string): void;
  /** Resolves when the connection is over, even while `incoming` is not consumed. */
  readonly closed: Promise<void>;
}

type Answer<R extends RouteShape> = R extends { readonly answers: infer A }
  ? A extends 'events'
    ? AsyncIterable<z.infer<R['returns']>> | SseProgram
    : A extends 'bytes'
      ? AsyncIterable<Uint8Array>
      : A extends 'text'
        ? string
        : A extends 'socket'
          ? (socket: ClientSocket) => Promise<void>
          : z.infer<R['returns']>
  : z.infer<R['returns']>;

type Handler<R extends RouteShape> = (call: Call<R>) => Promise<Answer<R>>;

export type Handlers = { readonly [Id in RouteId]: Handler<RouteOf<Id>> };

/** The handlers of one noun. */
export type HandlersOf<Noun extends string> = Pick<Handlers, Extract<RouteId, `${Noun}.${string}`>>;
