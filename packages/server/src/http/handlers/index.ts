/** All handlers, a file per noun. What needs more than the store asks `Work`, which the composition supplies. */
import type { Clock, Ids, Store } from '@berth/core';
import type { Tokens } from '../auth/tokens.ts';
import type { EventFeed } from '../event-feed.ts';
import type { Handlers } from '../handler-types.ts';
import type { Metrics } from '../metrics.ts';
import { type ChangeWork, changeHandlers } from './change.ts';
import { eventHandlers } from './event.ts';
import { gateHandlers } from './gate.ts';
import { type SandboxWork, sandboxHandlers } from './sandbox.ts';
import { sessionHandlers } from './session.ts';
import { type ServerInfo, type SystemWork, systemHandlers } from './system.ts';
import { type TaskWork, taskHandlers } from './task.ts';
import { tokenHandlers } from './token.ts';
import { type WorkspaceWork, workspaceHandlers } from './workspace.ts';

export interface Work {
  readonly workspaces: WorkspaceWork;
  readonly sandboxes: SandboxWork;
  readonly tasks: TaskWork;
  readonly changes: ChangeWork;
  readonly system: SystemWork;
}

export interface HandlerDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly tokens: Tokens;
  readonly feed: EventFeed;
  readonly metrics: Metrics;
  readonly info: () => ServerInfo;
  readonly work: Work;
}

export const createHandlers = ({ work, ...deps }: HandlerDeps): Handlers => ({
  ...workspaceHandlers(deps.store, work.workspaces),
  ...sandboxHandlers(deps.store, deps.ids, work.sandboxes),
  ...taskHandlers(deps.store, work.tasks),
  ...sessionHandlers(deps.store),
  ...gateHandlers(deps.store),
  ...changeHandlers(deps.store, work.changes),
  ...eventHandlers(deps.store, deps.feed),
  ...tokenHandlers(deps.store, deps.tokens),
  ...systemHandlers({ ...deps, system: work.system }),
});
