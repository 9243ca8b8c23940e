export * from './kernel/index.ts';
export * from './ports.ts';
