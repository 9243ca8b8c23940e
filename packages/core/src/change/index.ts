export { advanceTargets, withdrawTargets } from './advance.ts';
export { changeRef, dropRef, mergeParts } from './merge.ts';
