/**
 * Zod compiles its checks with `new Function` where it can, and finds out by trying, which the policy of the page
 * reports as a violation. It reads this setting when the contract's schemas are made, so this module comes first.
 */
Object.assign(globalThis, { __zod_globalConfig: { jitless: true } });
