export { type Core, type CoreDeps, createCore, RECONCILERS, SAGAS } from './core.ts';
export * from './kernel/index.ts';
export * from './ports.ts';
export { targetRefs } from './sandbox/index.ts';
export { ALLOW_ONCE } from './task/index.ts';
export type { Changes } from './verbs/changes.ts';
export type { Sandboxes } from './verbs/sandboxes.ts';
export type { Tasks } from './verbs/tasks.ts';
export type { Workspaces } from './verbs/workspaces.ts';
