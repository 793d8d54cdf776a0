"""Long calls of every kind, and a script that interrupts each of them."""

import xcorr

LONG_CALLS = {  # images, kernels, their dtype, the images' value (None: random), keywords: seconds of work at least
    "direct": ((1000, 256, 256, 3), (8, 17, 17, 3), "f4", 1, {"method": "direct"}),
    "winograd": ((2000, 256, 256, 16), (16, 3, 3, 16), "f4", 1, {"method": "winograd"}),
    "matmul": ((1000, 256, 256, 3), (8, 17, 17, 3), "f4", 1, {"method": "matmul"}),
    "fft": ((4000, 256, 256, 3), (8, 33, 33, 3), "f4", 1, {"method": "fft", "stride": 4}),
    "fft-large-tiles": ((1, 6000, 6000, 3), (16, 512, 512, 3), "f8", 1, {"method": "fft", "stride": 8}),
    "fft-many-kernels": ((1, 400, 400, 1), (15000, 64, 64, 1), "f4", 1, {"method": "fft", "stride": 32}),
    "integers": ((1000, 256, 256, 3), (8, 17, 17, 3), "u1", 1, {"dtype": "i4"}),
    "beyond-2**53": ((500, 256, 256, 3), (2, 9, 9, 3), "i8", 2**53, {}),
    "beyond-2**53-many-images": ((20000, 256, 256, 3), (2, 3, 3, 3), "i8", 2**53, {}),
    "beyond-2**53-many-kernels": ((6, 256, 256, 1), (1000, 1, 1, 1), "i8", 2**60, {}),
    "depthwise": ((100, 256, 256, 64), (64, 33, 33, 1), "f4", 1, {"method": "direct", "groups": 64}),
    "large-kernels": ((1, 4096, 4096, 1), (4, 512, 512, 1), "f8", 1, {"method": "direct"}),
    "few-windows": ((1, 128, 128, 900), (12, 64, 64, 900), "f4", 1, {"method": "direct"}),
    "few-windows-of-many": ((2 * 10**6, 1000, 1000, 3), (1, 1, 1, 3), "f4", 1, {"method": "direct", "stride": 900}),
    "one-row": ((1, 1, 8_000_000, 1), (4, 1, 8001, 1), "f4", 1, {"method": "direct"}),
    "match": ((1500, 256, 256, 1), (8, 32, 32, 1), "f4", None, {"verb": "match"}),
    "match-large": ((1, 5000, 5000, 1), (40, 64, 64, 1), "f4", None, {"verb": "match"}),
    "match-integers": ((1500, 256, 256, 1), (8, 17, 17, 1), "u1", None, {"verb": "match"}),
    "match-direct": ((500, 256, 256, 3), (8, 17, 17, 3), "f4", None, {"verb": "match", "method": "direct"}),
    "match-masked": ((500, 256, 256, 1), (8, 17, 17, 1), "f4", None, {"verb": "match", "template_mask": "half"}),
    "masked": ((500, 256, 256, 3), (8, 17, 17, 3), "f4", None, {"padding": "same", "normalize": True}),
    "reduced": ((1000, 256, 256, 3), (8, 17, 17, 3), "f4", 1, {"reduce": ("max", "mean", "energy")}),
    "reduced-over-kernels": (
        *((1, 1000, 1000, 1), (4000, 32, 32, 1), "f4", 1),
        {"reduce": ("max", "argmax"), "over": "kernels"},
    ),
    "peaks": ((1000, 256, 256, 3), (8, 17, 17, 3), "f4", None, {"reduce": xcorr.Peaks(5, min_distance=20)}),
    "gradient-of-images": (
        *((200, 64, 64, 256), (256, 5, 5, 64), "f4", 1),
        {"verb": "gradient_images", "also": (None,), "layout": "NHWC", "stride": 2},
    ),
    "gradient-of-images-in-planes": (
        *((200, 256, 64, 64), (256, 64, 5, 5), "f4", 1),
        {"verb": "gradient_images", "also": (None,), "layout": "NCHW", "stride": 2},
    ),
    "gradient-of-kernels": (
        *((2000, 64, 64, 64), (2000, 62, 62, 64), "f4", 1),
        {"verb": "gradient_kernels", "also": ((3, 3, 64),), "layout": "NHWC"},
    ),
    "gradient-of-kernels-of-integers": (
        *((2000, 64, 64, 64), (2000, 62, 62, 64), "i8", 2**40),
        {"verb": "gradient_kernels", "also": ((3, 3, 64),), "layout": "NHWC"},
    ),
    "fold": ((4000, 62, 62, 576), None, "f4", 1, {"verb": "fold", "also": ((64, 64, 64), (3, 3)), "layout": "NHWC"}),
    "fold-integers": (
        *((4000, 62, 62, 576), None, "i8", 2**59),
        {"verb": "fold", "also": ((64, 64, 64), (3, 3)), "layout": "NHWC"},
    ),
    "register": ((8000, 256, 256), (1, 256, 256), "f4", None, {"verb": "register", "layout": "NHW"}),
    "register-masked": (
        *((8, 900, 900), (1, 900, 900), "f4", None),
        {"verb": "register", "layout": "NHW", "score": "zncc", "mask": "finite", "subpixel": 100},
    ),
    "register-windows": (
        *((1, 2500, 2500), (1, 2500, 2500), "f4", None),
        {"verb": "register", "layout": "NHW", "score": "zncc", "window": 32, "search": 48, "step": 8},
    ),
    "signals": ((4000, 200_000, 2), (8, 65, 2), "f4", 1, {"layout": "NWC", "stride": 16}),
    "volumes": ((4000, 64, 128, 128), (8, 5, 5, 5), "f4", 1, {"layout": "NDHW", "stride": 4}),
    "volumes-peaks": ((4000, 64, 128, 128), (8, 5, 5, 5), "f4", None, {"layout": "NDHW", "reduce": xcorr.Peaks(5)}),
}

INTERRUPT = """
long_calls, workers, delay = eval(sys.argv[1])
signal.signal(signal.SIGINT, signal.default_int_handler)
for name, (image_shape, kernel_shape, dtype, value, keywords) in long_calls.items():
    name_of_verb = keywords.pop("verb", "correlate")
    rng, verb = np.random.default_rng(1), getattr(xcorr, name_of_verb)
    image = np.full(image_shape[1:], value, dtype) if value else (rng.random(image_shape[1:]) * 99).astype(dtype)
    if kernel_shape is None:
        bank = ()
    elif name_of_verb == "gradient_kernels":
        bank = (np.broadcast_to(np.ones(kernel_shape[1:], dtype), kernel_shape),)
    else:
        bank = (np.ones(kernel_shape, dtype) if value else (rng.random(kernel_shape) * 99).astype(dtype),)
    long = np.broadcast_to(image, image_shape), *bank, *keywords.pop("also", ())
    if name_of_verb == "register":
        import scipy.fft  # as a first call does: where that is interrupted, the interpreter ends by the signal
    if "template_mask" in keywords:
        keywords["template_mask"] = np.tri(*kernel_shape[1:3])
    beyond, ours = os.pipe()
    if os.fork() == 0:
        time.sleep(delay)
        os.write(ours, str(time.monotonic()).encode())
        os.kill(os.getppid(), signal.SIGINT)
        os._exit(0)
    caught = 0
    try:
        with xcorr.set_workers(workers):
            verb(*long, **keywords)
    except KeyboardInterrupt:
        caught = time.monotonic()
    os.wait()
    time.sleep(0.05)
    before = time.process_time()
    time.sleep(0.1)
    computed = time.process_time() - before
    late = caught - float(os.read(beyond, 99))
    print(name, late, computed, all(right(name, workers) for name in expected), flush=True)
"""
"""Long calls, each interrupted after the delay: its name, when it stopped after that, CPU seconds then, `right`."""
