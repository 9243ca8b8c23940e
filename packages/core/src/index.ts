export { type Core, type CoreDeps, createCore, RECONCILERS, SAGAS } from './core.ts';
export * from './kernel/index.ts';
export * from './ports.ts';
export type { Sandboxes } from './sandbox/index.ts';
export type { Tasks } from './task/index.ts';
export type { Workspaces } from './workspace/index.ts';
export type { Ports, World } from './world.ts';
