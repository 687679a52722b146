// Draws from the priors that a card can describe by a family and scales.

/** Returns f() with uniform numbers in (0, 1): mulberry32, the same for the same seed. */
export function uniform(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 4294967296;
  };
}

/** z = sqrt(-2 log u) cos(2 pi v), standard normal (Box and Muller). */
export function normal(next) {
  return Math.sqrt(-2 * Math.log(next())) * Math.cos(2 * Math.PI * next());
}

/** z = log u - log(1 - u), the standard logistic. */
export function logistic(next) {
  const u = next();
  return Math.log(u) - Math.log(1 - u);
}

/** Returns n standard normal numbers. */
export function normals(n, next) {
  return Float32Array.from({ length: n }, () => normal(next));
}

/** Returns n draws of a prior {family, scale}, n rows of Z, or null where it has no scale. */
export function drawPrior(prior, n, next) {
  if (!prior.scale) return null;
  const draw = prior.family === "logistic" ? logistic : normal;
  const z = new Float32Array(n * prior.scale.length);
  for (let i = 0; i < z.length; i++) z[i] = draw(next) * prior.scale[i % prior.scale.length];
  return z;
}
