"""The kinds by name, in the order of the report."""

import warnings

from . import adapters, chat, classifiers, generation, instructions, models, tables, tokenizers

KINDS = {
    kind.name: kind
    for kind in (
        tokenizers.Tokenizers(),
        models.Models(),
        generation.Generation(),
        classifiers.Classifiers(),
        adapters.Adapters(),
        tables.Tables(),
        instructions.Instructions(),
        chat.Chat(),
    )
}


def quiet():
    """The reference's progress bars, warnings and Rust's panics go nowhere."""
    import logging
    import os

    import torch
    import transformers

    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
