"""The only module that tells TensorFlow from JAX: TFP's substrate, seeds, compilation."""

import contextlib
import contextvars
import functools
import os
import weakref

import keras

BACKEND = keras.backend.backend()

if BACKEND == "jax":
    import jax
    import jax.interpreters.xla

    if not hasattr(jax.interpreters.xla, "pytype_aval_mappings"):
        from jax._src import core as _core

        # TFP 0.25 looks for this name where JAX had it until 0.7.
        jax.interpreters.xla.pytype_aval_mappings = _core.pytype_aval_mappings
    import tensorflow_probability.substrates.jax as tfp
elif BACKEND == "tensorflow":
    import tensorflow as tf
    import tensorflow_probability as tfp
else:
    raise ImportError(
        "elbo-zoo needs TensorFlow Probability, which runs on the Keras backends 'tensorflow' and "
        f"'jax'. Received: KERAS_BACKEND={BACKEND!r}"
    )

tfd = tfp.distributions
tfb = tfp.bijectors

# For sums in which float32 loses digits; JAX has no float64 by default.
HAS_FLOAT64 = BACKEND == "tensorflow"


def next_seed(generator):
    """Returns a stateless TFP seed from a `keras.random.SeedGenerator`, whose state is saved."""
    seed = generator.next()
    return keras.ops.cast(seed, "int32") if BACKEND == "tensorflow" else seed


def tfp_seed(seed):
    """Returns a stateless TFP seed, the same on every call, from an int.

    Raises:
        ValueError: If `seed` is not an int in [0, 2^31).
    """
    if not 0 <= seed < 2**31 or int(seed) != seed:
        raise ValueError(f"Expected a seed in [0, 2**31). Received: seed={seed!r}")
    if BACKEND == "jax":
        return jax.random.PRNGKey(seed)
    return tf.constant([seed, 0], "int32")


def fold_in(seed, number):
    """Returns a stateless seed for the `number`-th draw of a stream that starts at `seed`."""
    if BACKEND == "jax":
        return jax.random.fold_in(seed, number)
    return tf.random.experimental.stateless_fold_in(seed, number)


# Named, as under XLA on a CPU what TensorFlow chooses by itself draws some twenty times slower.
_ALGORITHM = "philox"


def normal(shape, seed, dtype="float32"):
    """Returns standard normal noise; `seed` as TFP takes it, for all three."""
    seed = tfp.random.sanitize_seed(seed)
    if BACKEND == "jax":
        return jax.random.normal(seed, shape, dtype)
    return tf.random.stateless_normal(shape, seed, dtype=dtype, alg=_ALGORITHM)


def truncated_normal(shape, seed, dtype="float32"):
    """Returns standard normal noise that lies within (-2, 2)."""
    seed = tfp.random.sanitize_seed(seed)
    if BACKEND == "jax":
        return jax.random.truncated_normal(seed, -2.0, 2.0, shape, dtype)
    return tf.random.stateless_truncated_normal(shape, seed, dtype=dtype, alg=_ALGORITHM)


def uniform(shape, seed, minval=0.0, dtype="float32"):
    """Returns noise that is uniform in [minval, 1)."""
    seed = tfp.random.sanitize_seed(seed)
    if BACKEND == "jax":
        return jax.random.uniform(seed, shape, dtype, minval)
    return tf.random.stateless_uniform(shape, seed, minval, 1.0, dtype, alg=_ALGORITHM)


@contextlib.contextmanager
def kept_variables(model):
    """Gives a Keras model its variables back after an error; a no-op on TensorFlow.

    Under JAX Keras takes the values out of the variables while `fit`, `evaluate` or `predict`
    runs, and an error in between, of the data for example, would leave the model without them.
    """
    if BACKEND != "jax":
        yield
        return
    optimizer = getattr(model, "optimizer", None)
    states = [] if optimizer is None else optimizer.variables
    variables = [*model.variables, *states, *model.metrics_variables]
    values = [variable.value for variable in variables]
    try:
        yield
    except BaseException:
        model.jax_state_sync()  # what the last step left
        for variable, value in zip(variables, values):
            if variable._value is None and not value.is_deleted():
                variable.assign(value)
        raise


@contextlib.contextmanager
def dtype_policy(name):
    """Sets Keras's global policy, "mixed_bfloat16" for example, and gives the earlier one back."""
    earlier = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.mixed_precision.set_dtype_policy(earlier)


def to_numpy(value):
    """Returns a tensor, or a dict of them, as NumPy arrays."""
    if isinstance(value, dict):
        return {key: to_numpy(item) for key, item in value.items()}
    return keras.ops.convert_to_numpy(value)


def gradients(function, tensors):
    """Returns the gradient of the scalar `function(*tensors)` by each tensor; differentiable."""
    if BACKEND == "jax":
        return list(jax.grad(function, argnums=tuple(range(len(tensors))))(*tensors))
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        value = function(*tensors)
    return tape.gradient(value, tensors)


def jacobian_product(function, primal, tangent):
    """Returns `function(primal)` and its derivative along `tangent`, in one forward pass."""
    if BACKEND == "jax":
        return jax.jvp(function, (primal,), (tangent,))
    with tf.autodiff.ForwardAccumulator(primal, tangent) as accumulator:
        value = function(primal)
    return value, accumulator.jvp(value)


def is_traced(tensor):
    """Returns whether `tensor` stands for values in code being compiled, and has none yet."""
    if isinstance(tensor, keras.KerasTensor):
        return True
    if BACKEND == "jax":
        return isinstance(tensor, jax.core.Tracer)
    return tf.is_symbolic_tensor(tensor)


def compiled(function, variables, jit_compile=False, any_batch=False):
    """Compiles `function(*arrays)`, which reads Keras `variables`, for repeated calls.

    Under JAX the variables travel as arguments, so the compiled code never holds a stale value.

    Args:
        function: Takes and returns tensors or dicts of them.
        variables: The Keras variables it reads; a call sees their values of that moment.
        jit_compile: XLA under TensorFlow; JAX always compiles.
        any_batch: Whether TensorFlow traces it once for all sizes of the first dimension, instead
            of again for another one; all arguments must have that dimension. No effect on JAX.

    Returns:
        A function with the same arguments.
    """
    if BACKEND == "tensorflow":
        run = tf.function(function, jit_compile=jit_compile, reduce_retracing=True, autograph=False)
        return _of_any_batch(run) if any_batch else run

    @jax.jit
    def run(values, *arguments):
        with keras.StatelessScope(state_mapping=list(zip(variables, values))):
            return function(*arguments)

    return lambda *arguments: run([variable.value for variable in variables], *arguments)


@contextlib.contextmanager
def untuned_arrays():
    """Makes Keras read arrays by streams that tf.data does not tune, within the context.

    A stream ends only when the thread that tunes it wakes, at intervals that double up to a
    minute: an epoch over arrays would end late by up to as long as it took. Keras's stream of an
    array has nothing to tune. No effect on JAX, nor on the data sets and models of others.
    """
    if BACKEND == "tensorflow":
        _make_tuner_optional()
    token = _UNTUNED.set(True)
    try:
        yield
    finally:
        _UNTUNED.reset(token)


_UNTUNED = contextvars.ContextVar("untuned", default=False)


@functools.cache
def _make_tuner_optional():
    """Makes the class by which Keras reads arrays under TensorFlow look at `_UNTUNED`."""
    try:  # it is not in Keras's public API
        from keras.src.trainers.data_adapters.array_data_adapter import ArrayDataAdapter
    except ImportError:
        return
    original = ArrayDataAdapter.get_tf_dataset

    @functools.wraps(original)
    def get_tf_dataset(self):
        dataset = original(self)
        if not _UNTUNED.get():
            return dataset
        options = tf.data.Options()
        options.autotune.enabled = False
        return dataset.with_options(options)

    ArrayDataAdapter.get_tf_dataset = get_tf_dataset


def _of_any_batch(run):
    """Returns the `tf.function`, traced without the size of the first dimension."""

    def spec(array):
        return tf.TensorSpec([None, *array.shape[1:]], array.dtype)

    def call(*arguments):
        return run.get_concrete_function(*tf.nest.map_structure(spec, arguments))(*arguments)

    return call


def loop_program(step):
    """Returns a function that takes several steps of training as one XLA program.

    It takes the number of steps and a tuple of batches of the same shapes, at least as many; the
    number is no part of the program. Each step reads its batch where it is: the batches are not
    copied into one array.

    Args:
        step: Keras's `train_step`: `logs = step(batch)` under TensorFlow, and under JAX
            `logs, state = step(state, batch)`.

    Returns:
        Under TensorFlow `logs = program(count, batches)`, under JAX
        `logs, state = program(state, count, batches)`; the logs are the last step's.
    """
    return _jax_program(step) if BACKEND == "jax" else _tensorflow_program(step)


def _tensorflow_program(step):
    step = tf.function(step, autograph=False)  # traced once, for the logs and for the loop

    @tf.function(jit_compile=True, autograph=False)
    def program(count, batches):
        logs = step.get_concrete_function(batches[0]).structured_outputs
        logs = tf.nest.map_structure(lambda spec: tf.zeros(spec.shape, spec.dtype), logs)

        def body(i, logs):
            branches = [functools.partial(tf.nest.flatten, batch) for batch in batches]
            leaves = tf.nest.flatten(tf.switch_case(i, branches))
            return i + 1, step(tf.nest.pack_sequence_as(batches[0], leaves))

        return tf.while_loop(lambda i, _: i < count, body, (0, logs))[1]

    return lambda count, batches: program(tf.constant(count), batches)


def _jax_program(step):
    step = jax.jit(step)  # traced once, for the logs and for the loop

    def program(state, count, batches):
        logs, _ = jax.eval_shape(step, state, batches[0])
        logs = jax.tree.map(lambda spec: jax.numpy.zeros(spec.shape, spec.dtype), logs)

        def body(i, carry):
            batch = jax.lax.switch(i, [functools.partial(tuple, [b]) for b in batches])[0]
            return step(carry[1], batch)

        return jax.lax.fori_loop(0, count, body, (logs, state))

    return jax.jit(program, donate_argnums=0)


def is_dataset_iterator(iterator):
    """Returns whether batches come from a `tf.data.Dataset`, on one device; TensorFlow alone."""
    return isinstance(iterator, tf.data.Iterator)


def is_tensor(value):
    """Returns whether `value` is a dense tensor of the backend."""
    return isinstance(value, jax.Array if BACKEND == "jax" else tf.Tensor)


def on_one_device(model):
    """Returns whether neither `tf.distribute` nor `keras.distribution` spreads a model's steps."""
    if BACKEND == "jax":
        return keras.distribution.distribution() is None
    strategy = tf.distribute.get_strategy()
    return not tf.distribute.has_strategy() and model.distribute_strategy is strategy


_KEPT = weakref.WeakKeyDictionary()


def once(owner, key, make):
    """Returns `make()` of the first call with this owner and key, kept as long as the owner lives.

    The value, for example a compiled function's closure, must not itself hold the owner.
    """
    values = _KEPT.setdefault(owner, {})
    if key not in values:
        values[key] = make()
    return values[key]


def scan(function, carry, inputs):
    """Returns the last carry and the stacked outputs of `carry, y = function(carry, input)`.

    Keras's own needs outputs of the carry's shapes under TensorFlow (3.15).

    Args:
        function: Takes the carry and one slice of `inputs`; returns the carry, of the same shapes
            and dtypes, and a dict of tensors.
        carry: A dict of tensors.
        inputs: A dict of tensors, cut along their first dimension, of one size in all.
    """
    if BACKEND == "jax":
        return jax.lax.scan(function, carry, inputs)
    first = {name: value[0] for name, value in inputs.items()}
    function = tf.function(function, autograph=False)  # traced once, for the shapes and the loop
    traced = function.get_concrete_function(carry, first)
    leading = next(iter(inputs.values()))
    length = tf.shape(leading)[0]
    outputs = {
        name: tf.TensorArray(spec.dtype, length, element_shape=spec.shape)
        for name, spec in traced.structured_outputs[1].items()
    }

    def body(i, carry, outputs):
        carry, y = function(carry, {name: value[i] for name, value in inputs.items()})
        return i + 1, carry, {name: array.write(i, y[name]) for name, array in outputs.items()}

    _, carry, outputs = tf.while_loop(lambda i, *_: i < length, body, (0, carry, outputs))
    stacked = {name: array.stack() for name, array in outputs.items()}
    return carry, {
        name: tf.ensure_shape(value, [leading.shape[0], *value.shape[1:]])
        for name, value in stacked.items()
    }


def fused(forward, backward):
    """Returns `forward`, an element-wise function of one tensor, compiled to a single loop.

    TensorFlow without XLA runs an expression one op at a time, through memory. Here the expression
    alone is compiled, whatever surrounds it. Its gradient is another single loop, which reads the
    input again and keeps no intermediate values. JAX fuses by itself.

    Args:
        forward: Takes and returns one tensor.
        backward: Takes the input and the gradient of the output; returns that of the input.
    """
    if BACKEND != "tensorflow":
        return forward
    options = {"jit_compile": True, "reduce_retracing": True, "autograph": False}
    compiled_forward, compiled_backward = (
        tf.function(function, **options) for function in (forward, backward)
    )

    @tf.custom_gradient
    def function(x):
        return compiled_forward(x), lambda upstream: compiled_backward(x, upstream)

    return function


def has_fused_adam(gradient):
    """Returns whether `apply_adam` takes `gradient`: TensorFlow and a dense one."""
    return BACKEND == "tensorflow" and not isinstance(gradient, tf.IndexedSlices)


def apply_adam(variable, m, v, gradient, learning_rate, step, beta_1, beta_2, epsilon):
    """Adam's update of one variable as one kernel; TensorFlow alone. Arguments as in the paper."""
    one = tf.constant(1.0, variable.dtype)
    power = tf.cast(step, variable.dtype)
    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle,
        m=m.handle,
        v=v.handle,
        beta1_power=tf.pow(one * beta_1, power),
        beta2_power=tf.pow(one * beta_2, power),
        lr=tf.cast(learning_rate, variable.dtype),
        beta1=one * beta_1,
        beta2=one * beta_2,
        epsilon=one * epsilon,
        grad=tf.cast(gradient, variable.dtype),
    )


def name_scope(name):
    """Returns a context in which operations get `name` in front, which profiles show."""
    return jax.named_scope(name) if BACKEND == "jax" else tf.name_scope(name)


def profiled_as(name):
    """Returns a context whose time profiles show as `name`."""
    if BACKEND == "jax":
        return jax.profiler.TraceAnnotation(name)
    return tf.profiler.experimental.Trace(name)


def start_profile(folder):
    """Starts the framework's profiler, which writes below `folder` as TensorBoard reads it."""
    if BACKEND == "jax":
        jax.profiler.start_trace(str(folder))
    else:
        tf.profiler.experimental.start(str(folder))


def stop_profile():
    """Ends what `start_profile` started, and writes it."""
    if BACKEND == "jax":
        jax.profiler.stop_trace()
    else:
        tf.profiler.experimental.stop()


def local_devices():
    """Returns the accelerators of this process, or its CPU devices where it has none."""
    if BACKEND == "jax":
        return jax.local_devices()
    gpus = tf.config.list_logical_devices("GPU")
    return [device.name for device in gpus or tf.config.list_logical_devices("CPU")]


@functools.cache
def _mirrored(devices):
    """Returns the strategy of some devices, the same one in each call.

    A second one in a process would use the collective operations of the first again, whose shapes
    TensorFlow (2.21) remembers.
    """
    is_cpu = all("CPU" in device.upper() for device in devices)
    operations = tf.distribute.ReductionToOneDevice() if is_cpu else None
    return tf.distribute.MirroredStrategy(devices, operations)


@contextlib.contextmanager
def data_parallel(devices, processes=1):
    """Makes Keras build and fit models on several devices, each of which has a part of a batch.

    Args:
        devices: Some of `local_devices`.
        processes: How many processes train together, each with as many devices; JAX alone.
    """
    if BACKEND == "tensorflow":
        with _mirrored(tuple(devices)).scope():
            yield
        return
    positions = [jax.local_devices().index(device) for device in devices]
    of_process = [[] for _ in range(processes)]
    for device in jax.devices():
        of_process[device.process_index].append(device)
    every = [local[i] for local in of_process for i in positions]
    names = [f"{device.platform}:{device.id}" for device in every]
    with keras.distribution.DataParallel(devices=names, auto_shard_dataset=False).scope():
        yield


def scope_of(model):
    """Returns a context in which variables are made as those of a Keras model: on all replicas."""
    if BACKEND == "tensorflow" and model.distribute_strategy.num_replicas_in_sync > 1:
        return model.distribute_strategy.scope()
    return contextlib.nullcontext()


def replicas():
    """Returns how many replicas of a `tf.distribute.Strategy` take the present step; else 1."""
    if BACKEND != "tensorflow" or tf.distribute.in_cross_replica_context():
        return 1
    return tf.distribute.get_strategy().num_replicas_in_sync


def scope_replicas():
    """Returns how many replicas the strategy has in whose scope this is called; else 1."""
    return tf.distribute.get_strategy().num_replicas_in_sync if BACKEND == "tensorflow" else 1


def replica_index():
    """Returns the index [] of the present replica."""
    return tf.distribute.get_replica_context().replica_id_in_sync_group


def gather_replicas(tensor):
    """Returns the rows of all replicas, in their order; the numbers of rows may differ.

    The gradient is that of the sum of the losses of all replicas.
    """
    rows = tf.distribute.get_replica_context().all_gather(tensor, axis=0)
    return tf.ensure_shape(rows, [None, *tensor.shape[1:]])


def metric_state(variable):
    """Returns what a variable of a metric holds on each replica, as NumPy.

    Outside of a step Keras reads the sum over replicas, which depends on their number.
    """
    return to_numpy(variable) / _copies(variable) if _copies(variable) > 1 else to_numpy(variable)


def assign_metric_state(variable, value):
    """Sets a variable of a metric to `value` on each replica."""
    variable.assign(value * _copies(variable) if _copies(variable) > 1 else value)


def _copies(variable):
    """Returns how many times a variable of a metric holds what each replica does, when read."""
    is_sum = BACKEND == "tensorflow" and variable.aggregation == "sum"
    return len(getattr(variable.value, "values", [0])) if is_sum else 1


def accelerator():
    """Returns `True` where the backend sees a GPU or TPU."""
    if BACKEND == "jax":
        return jax.default_backend() != "cpu"
    return bool(tf.config.list_physical_devices("GPU"))


def _threads():
    """How many threads one TensorFlow operation may use on the CPU."""
    allowed = tf.config.threading.get_intra_op_parallelism_threads()
    allowed = allowed or int(os.environ.get("TF_NUM_INTRAOP_THREADS") or 0)
    return allowed or os.cpu_count()


def prefer_xla(model):
    """Returns whether XLA is the faster choice for `model` on this machine.

    The rule was measured (docs/speed.md). XLA compiles always on an accelerator, and always under
    JAX. On a CPU under TensorFlow it compiles dense networks in float32 with more than one thread.
    It does not compile convolutions, where oneDNN's own kernels are about twice as fast as XLA's,
    nor bfloat16, whose matrix units XLA leaves unused.
    """
    if BACKEND == "jax" or accelerator():
        return True
    if _threads() == 1:
        return False
    is_bfloat16 = any(layer.compute_dtype == "bfloat16" for layer in model._flatten_layers())
    return not (_has_convolutions(model) or is_bfloat16)


def loops_well(model):
    """Returns whether a loop of XLA's over steps of `model` is faster than its single steps.

    It is on accelerators, and on a CPU for dense networks. XLA's convolutions in a loop on a CPU
    use one thread.
    """
    return accelerator() or not _has_convolutions(model)


def _has_convolutions(model):
    convolutions = (keras.layers.Conv2D, keras.layers.Conv2DTranspose)
    return any(isinstance(layer, convolutions) for layer in model._flatten_layers())
