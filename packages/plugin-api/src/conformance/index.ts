export { type AgentBench, type AgentConformance, agentConformance } from './agent.ts';
export { type DriverConformance, driverConformance } from './driver.ts';
