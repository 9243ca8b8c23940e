export * from './assert.ts';
export * from './failure.ts';
export * from './ids.ts';
export * from './interrupt.ts';
export * from './json.ts';
export * from './log.ts';
export type { Handler } from './queue/handling.ts';
export {
  type AddOptions,
  createQueue,
  type ProcessOptions,
  type Queue,
  type QueueDeps,
} from './queue/queue.ts';
export * from './reconcile.ts';
export { type FinalSagaBuilder, type SagaBuilder, saga } from './saga/builder.ts';
export * from './saga/children.ts';
export { createSagas, type RunRequest, type SagaDeps, type Sagas } from './saga/engine.ts';
export * from './saga/saga.ts';
export * from './saga/unwind.ts';
export * from './scope.ts';
export * from './store/event-of.ts';
export * from './store/leases.ts';
export * from './store/move.ts';
export { createLocalNotifier, type Notices, type Notifier } from './store/notifier.ts';
export * from './store/nouns.ts';
export * from './store/pages.ts';
export * from './store/prune.ts';
export * from './store/store.ts';
export * from './store/tables.ts';
export * from './text-tail.ts';
export * from './time/clock.ts';
export * from './troubles.ts';
