import { describe, expect, it } from 'vitest';
import { ROUTES } from './api.ts';
import { type JsonObject, openApiDocument } from './openapi.ts';

interface Operation {
  readonly operationId: string;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly required: boolean }[];
  readonly responses: Readonly<Record<string, { readonly description: string }>>;
  readonly security?: readonly unknown[];
}

const document = openApiDocument('1.2.3') as unknown as {
  readonly openapi: string;
  readonly info: { readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonObject>> };
};
const operations = Object.entries(document.paths).flatMap(([path, verbs]) =>
  Object.entries(verbs).map(([verb, operation]) => ({ path, verb, operation })),
);

describe('the OpenAPI document', () => {
  it('is the same every time', () => {
    expect(JSON.stringify(openApiDocument('1'))).toBe(JSON.stringify(openApiDocument('1')));
    expect([document.openapi, document.info.version]).toEqual(['3.1.0', '1.2.3']);
  });

  it('has every route once, under its id', () => {
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(ids.toSorted()).toEqual(ROUTES.map(({ id }) => id).toSorted());
  });

  it('resolves every reference', () => {
    const text = JSON.stringify(document);
    const names = [...text.matchAll(/"\$ref":"([^"]*)"/g)].map(([, target]) => target ?? '');
    expect(names.length).toBeGreaterThan(50);
    for (const name of new Set(names)) {
      expect(name).toMatch(/^#\/components\/schemas\//);
      expect(Object.keys(document.components.schemas)).toContain(name.slice('#/components/schemas/'.length));
    }
    expect(text).not.toMatch(/\$defs|"\$schema"/);
  });

  it('declares each parameter of each path, required, and no other', () => {
    for (const { path, operation } of operations) {
      const inPath = operation.parameters.filter((one) => one.in === 'path');
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      expect(inPath.map(({ name }) => name).toSorted(), path).toEqual(named.toSorted());
      expect(inPath.every(({ required }) => required)).toBe(true);
    }
  });

  it('lists the errors of a route by status, and asks for a token except from probes', () => {
    const create = document.paths['/v1/tasks']?.post;
    expect(create?.responses['404']?.description).toBe('record.missing');
    expect(create?.responses['401']?.description).toBe('auth.required');
    expect(create?.responses['413']?.description).toBe('request.too_large');
    expect(create?.security).toBeUndefined();
    const live = document.paths['/health/live']?.get;
    expect(live?.security).toEqual([]);
    expect(live?.responses['401']).toBeUndefined();
  });
});
