export { type AgentBench, type AgentConformance, agentConformance } from './agent.ts';
export { type DriverConformance, driverConformance } from './driver.ts';
export type { KillMachine } from './driver-bench.ts';
export { type GuestClient, guestClient } from './guest-client.ts';
export { type HostileText, slowText } from './hostile-text.ts';
