export * from './clock.ts';
export * from './saga.ts';
export * from './store.ts';
export * from './tables.ts';
