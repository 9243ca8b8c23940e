/**
 * A route is data. Server handlers, OpenAPI, SDK methods, CLI flags and the reference page are derived from it. Wire
 * schemas hold no transforms, defaults or dates: a value looks the same in both directions.
 */
import { z } from 'zod';
import type { ErrorCode } from '../errors.ts';

export const ROLES = ['viewer', 'operator', 'owner'] as const;
export const Role = z.enum(ROLES).meta({ id: 'Role' });
export type Role = z.infer<typeof Role>;

export interface RouteShape {
  /** `noun.verb`: the name in SDK, CLI, permissions, logs and audit. */
  readonly id: `${string}.${string}`;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path with `:name` parameters, each named in `params`. */
  readonly path: `/${string}`;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  /** JSON body. Field names never repeat those of params or query: clients pass one flat object. */
  readonly body?: z.ZodObject;
  /** The body is bytes (application/octet-stream), not JSON. */
  readonly bytesIn?: true;
  /** The response: JSON by `returns`; `events` = SSE of `returns`; `bytes`; `text`; `socket` = WebSocket. */
  readonly returns: z.ZodType;
  readonly answers?: 'json' | 'events' | 'bytes' | 'text' | 'socket';
  readonly status?: 200 | 201 | 202 | 204;
  /** Who may call. `public` is only for probes. */
  readonly role: Role | 'public';
  /** A create: honours the `Idempotency-Key` header. */
  readonly idempotent?: true;
  /** Errors of this route in addition to those any route may return (`COMMON_ERRORS`). */
  readonly errors: readonly ErrorCode[];
  readonly summary: string;
}

export const route = <const R extends RouteShape>(shape: R): R => shape;

/** The noun of a route: `task.create` is about `task`. */
export const nounOf = (route: Pick<RouteShape, 'id'>): string => route.id.slice(0, route.id.indexOf('.'));
