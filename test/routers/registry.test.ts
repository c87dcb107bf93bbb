import { describe, expect, test } from "vitest";
import { createRouter, findRouter, listRouters } from "../../src/routers/registry.ts";

describe("findRouter", () => {
  test("knows every id and alias, with and without the family", () => {
    for (const definition of listRouters()) {
      for (const name of [definition.id, ...(definition.aliases ?? [])]) {
        expect(findRouter(name)).toBe(definition);
        expect(findRouter(`${definition.family}/${name}`)).toBe(definition);
      }
    }
  });

  test("an unknown name gets the nearest one", () => {
    expect(() => findRouter("round-robbin", "x.yaml:3")).toThrow(
      expect.objectContaining({
        code: "CANOPY_ROUTER_UNKNOWN",
        message: expect.stringMatching(/^x\.yaml:3: router "round-robbin" .*did you mean "round-robin"\?\)$/),
      }),
    );
  });

  test("a known router of another family is named with its own", () => {
    expect(() => findRouter("gar/round-robin")).toThrow(/did you mean "cedar\/round-robin"/);
  });
});

describe("createRouter", () => {
  const message = (raw: unknown) => {
    try {
      createRouter(findRouter("least-loaded"), raw, "x.yaml:7");
    } catch (error) {
      expect(error).toMatchObject({ code: "CANOPY_ROUTER_PARAMETER" });
      return (error as Error).message;
    }
    return undefined;
  };

  test("fills in the defaults", () => {
    expect(createRouter(findRouter("least-loaded"), undefined, "test").parameters).toEqual({
      by: "outstanding",
      retrySeconds: 0.1,
    });
  });

  test("names router, parameter, what was given, what was expected and the nearest", () => {
    expect(message({ bye: "tokens" })).toBe(
      'x.yaml:7: router least-loaded: parameter "bye" is not known (did you mean "by"?)',
    );
    expect(message({ by: "token" })).toBe(
      'x.yaml:7: router least-loaded: parameter by is "token", expected one of outstanding, utilisation, tokens (did you mean "tokens"?)',
    );
    expect(message({ retrySeconds: "fast" })).toBe(
      'x.yaml:7: router least-loaded: parameter retrySeconds is "fast", expected a number',
    );
    expect(message({ retrySeconds: 0 })).toBe(
      "x.yaml:7: router least-loaded: parameter retrySeconds is 0, expected above 0",
    );
    expect(message(3)).toBe("x.yaml:7: router least-loaded: parameters is 3, expected a map");
  });
});
