/** Everything Berth can do, on a page: each noun's routes and events come together here. */
import { changeEvents, changeRoutes } from './change.ts';
import { eventRoutes } from './event.ts';
import { gateEvents, gateRoutes } from './gate.ts';
import { sandboxEvents, sandboxRoutes } from './sandbox.ts';
import { sandboxExecRoutes } from './sandbox-exec.ts';
import { sandboxFileRoutes } from './sandbox-files.ts';
import { sandboxGitRoutes } from './sandbox-git.ts';
import { sandboxPortRoutes } from './sandbox-port.ts';
import { sessionEvents, sessionRoutes } from './session.ts';
import { systemRoutes } from './system.ts';
import { taskEvents, taskRoutes } from './task.ts';
import { tokenEvents, tokenRoutes } from './token.ts';
import { workspaceEvents, workspaceRoutes } from './workspace.ts';

export const ROUTES = [
  ...workspaceRoutes,
  ...sandboxRoutes,
  ...sandboxExecRoutes,
  ...sandboxPortRoutes,
  ...sandboxFileRoutes,
  ...sandboxGitRoutes,
  ...taskRoutes,
  ...sessionRoutes,
  ...gateRoutes,
  ...changeRoutes,
  ...eventRoutes,
  ...tokenRoutes,
  ...systemRoutes,
] as const;

export const EVENTS = [
  ...workspaceEvents,
  ...sandboxEvents,
  ...taskEvents,
  ...sessionEvents,
  ...gateEvents,
  ...changeEvents,
  ...tokenEvents,
] as const;

export type Route = (typeof ROUTES)[number];
export type RouteId = Route['id'];
export type RouteOf<Id extends RouteId> = Extract<Route, { id: Id }>;
export type EventType = (typeof EVENTS)[number]['type'];

/** The plural of each noun names its client: `task.create` is `client.tasks.create()`. */
export const PLURALS = {
  workspace: 'workspaces',
  sandbox: 'sandboxes',
  task: 'tasks',
  session: 'sessions',
  gate: 'gates',
  change: 'changes',
  event: 'events',
  token: 'tokens',
  system: 'system',
} as const satisfies Record<NounOf<RouteId>, string>;

export type NounOf<Id extends string> = Id extends `${infer N}.${string}` ? N : never;
export type VerbOf<Id extends string> = Id extends `${string}.${infer V}` ? V : never;
