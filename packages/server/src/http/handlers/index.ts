/** All handlers, a file per noun. They hold no HTTP; what a caller may do is decided here, what becomes of it in the core. */
import { allRows, type Changes, type Clock, type Ids, type Store } from '@berth/core';
import type { Drivers } from '../../machines/drivers.ts';
import type { Tokens } from '../auth/tokens.ts';
import type { EventFeed } from '../event-feed.ts';
import type { Handlers, HandlersOf } from '../handler-types.ts';
import type { Metrics } from '../metrics.ts';
import { type ChangeParts, changeHandlers, gateHandlers } from './change.ts';
import { eventHandlers } from './event.ts';
import { findRecord, pageInOrder, pageOfRecords } from './pages.ts';
import { type SandboxAccess, sandboxHandlers } from './sandbox.ts';
import { type ServerInfo, type SystemParts, systemHandlers } from './system.ts';
import { type TaskParts, taskHandlers } from './task.ts';
import { type WorkspaceParts, workspaceHandlers } from './workspace.ts';

/** What the API leads to, supplied by whoever puts the server together. */
export interface Services {
  readonly workspaces: WorkspaceParts['workspaces'];
  readonly tasks: TaskParts['tasks'];
  readonly changes: Changes;
  readonly hub: ChangeParts['hub'];
  readonly drivers: Pick<Drivers, 'permit'>;
  readonly sandboxes: SandboxAccess;
  readonly system: SystemParts;
}

export interface HandlerDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly tokens: Tokens;
  readonly feed: EventFeed;
  readonly metrics: Metrics;
  readonly info: () => ServerInfo;
  readonly services: Services;
}

export const createHandlers = ({ services, ...deps }: HandlerDeps): Handlers => {
  const { store } = deps;
  return {
    ...workspaceHandlers({ store, ...services }),
    ...sandboxHandlers(store, deps.ids, services.sandboxes),
    ...taskHandlers({ store, ...services }),
    ...sessionHandlers(store),
    ...gateHandlers(store),
    ...changeHandlers({ store, ...services }),
    ...eventHandlers(store, deps.feed),
    ...tokenHandlers(store, deps.tokens),
    ...systemHandlers({ ...deps, system: services.system }),
  };
};

const sessionHandlers = (store: Store): HandlersOf<'session'> => ({
  'session.get': async ({ params }) => {
    const session = await findRecord(store, 'sessions', params.id);
    const turns = await store.read((tx) => allRows(tx, { table: 'turns', where: { sessionId: params.id } }));
    return { ...session, turns: turns.sort((a, b) => a.number - b.number) };
  },
  'session.items': async ({ params, query }) => {
    await findRecord(store, 'sessions', params.id);
    // Item ids sort chronologically.
    return pageInOrder(store, 'items', query, { sessionId: params.id });
  },
});

const tokenHandlers = (store: Store, tokens: Tokens): HandlersOf<'token'> => ({
  'token.create': async ({ body }) => {
    const { token, secret } = await tokens.create(body);
    return { ...token, secret };
  },
  'token.list': ({ query }) => pageOfRecords(store, 'tokens', query),
  'token.revoke': ({ params }) => tokens.revoke(params.id),
});
