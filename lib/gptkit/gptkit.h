#pragma once
// All public headers. A program usually needs one or two of them.

#include "gptkit/chat_template.h"
#include "gptkit/classifier.h"
#include "gptkit/convert.h"
#include "gptkit/error.h"
#include "gptkit/language_model.h"
#include "gptkit/log.h"
#include "gptkit/perplexity.h"
#include "gptkit/tokenizer.h"
#include "gptkit/tokenizer_training.h"
#include "gptkit/training.h"
#include "gptkit/version.h"
