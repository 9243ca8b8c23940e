export * from './agent.ts';
export * from './driver.ts';
export * from './sandbox.ts';
