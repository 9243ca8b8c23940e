export { type NotifierEnds, notifierLaws } from './notifier.ts';
export { type SagaLawOptions, sagaLaws } from './saga.ts';
export type { SagaWorld } from './saga-trial.ts';
export { type OpenStore, storeLaws } from './store.ts';
export { TERMINAL_STATES } from './terminal-states.ts';
