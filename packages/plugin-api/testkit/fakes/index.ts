export type { CrashableSandbox } from './crashable-sandbox.ts';
export { createCrashableSandbox } from './crashable-sandbox.ts';
export type { LocalSandbox, LocalSandboxOptions } from './local-sandbox.ts';
export { createLocalSandbox } from './local-sandbox.ts';
export type { Answer, Script } from './model/script.ts';
export { DEFAULT_SCRIPTS, Scripts } from './model/script.ts';
export type { ModelRequest, ScriptedModel, ScriptedModelOptions } from './model/server.ts';
export { startScriptedModel } from './model/server.ts';
