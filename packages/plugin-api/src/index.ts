export * from './agent.ts';
export * from './bounded.ts';
export * from './driver.ts';
export * from './flaws.ts';
export * from './json-bounds.ts';
export * from './keyed-lock.ts';
export * from './packages.ts';
export * from './sandbox.ts';
