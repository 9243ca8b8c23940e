/** Doubles of the kernel's outside: a store in memory, and a clock that is moved by hand. */
export * from './manual-clock.ts';
export { createMemoryStore } from './memory-store/memory-store.ts';
