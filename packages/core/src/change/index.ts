export { advanceTargets, withdrawTargets } from './advance.ts';
export * from './landing-turns.ts';
export { changeRef, dropRef, mergeParts } from './merge.ts';
