export * from './branch.ts';
export * from './dependencies.ts';
export * from './items.ts';
export * from './permissions.ts';
export * from './progress.ts';
export * from './prompts.ts';
