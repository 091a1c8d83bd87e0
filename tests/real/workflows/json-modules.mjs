// The parser imports its JSON schemas as a bundler would; Node wants to be told that they are JSON.
export async function load(url, context, next) {
  const importAttributes = url.endsWith(".json") ? { type: "json" } : context.importAttributes;
  return next(url, { ...context, importAttributes });
}
